"""Reads Tapedesk blocks, as docs/block-format.md describes them, and prints their events.

Written from that document alone, with nothing but the standard library, so that it is a check of the document.

    block_decoder.py FILE...

prints for every file a line with the header and one line per event, each a JSON object; a block that is refused
gives one line {"error": reason}. Texts and short codes are printed as the hexadecimal digits of their bytes.
"""

import json
import sys

MASK = (1 << 64) - 1
NONE = -(1 << 63)
GROUP = 128
KINDS = {1: "trade", 2: "quote", 3: "candle"}
ALL = {1, 2, 3}
# id: (name, kinds, form)
COLUMNS = {
    1: ("event_time", ALL, "integer"),
    2: ("receipt_delay", ALL, "integer"),
    3: ("sequence", ALL, "integer"),
    4: ("id", {1}, "integer"),
    5: ("id", {1}, "text"),
    6: ("side", {1}, "side"),
    7: ("flags", ALL, "flags"),
    8: ("price", {1}, "decimal"),
    9: ("size", {1}, "decimal"),
    10: ("venue_code", {1, 2}, "code"),
    11: ("condition", {1, 2}, "code"),
    12: ("bid_price", {2}, "decimal"),
    13: ("bid_size", {2}, "decimal"),
    14: ("ask_price", {2}, "decimal"),
    15: ("ask_size", {2}, "decimal"),
    16: ("open", {3}, "decimal"),
    17: ("high", {3}, "decimal"),
    18: ("low", {3}, "decimal"),
    19: ("close", {3}, "decimal"),
    20: ("volume", {3}, "decimal"),
    21: ("interval", {3}, "number32"),
    22: ("stream", ALL, "number32"),
}
# Columns of sealed blocks in which events may be without a value: the others have 0 for that.
NEVER_SPARSE = {1, 6, 7, 10, 11, 21, 22}
LARGEST_TEXTS = 1 << 20
FLAGS = [
    "crossed", "locked", "no_event_time", "out_of_order", "suspicious", "off_market", "zero_size", "sequence_reset",
    "provisional",
]


class Refused(Exception):
    """The bytes are not a block that this decoder reads."""


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def wrap(value):
    """The value as a signed 64-bit integer."""
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


def unzigzag(value):
    return (value >> 1) ^ -(value & 1)


class Reader:
    def __init__(self, data):
        self.data = data
        self.position = 0

    @property
    def remaining(self):
        return len(self.data) - self.position

    def take(self, count):
        if count > self.remaining:
            raise Refused("the content ends too early")
        self.position += count
        return self.data[self.position - count:self.position]

    def unsigned(self, size):
        return int.from_bytes(self.take(size), "little")

    def signed(self, size):
        return int.from_bytes(self.take(size), "little", signed=True)

    def varint(self):
        value = 0
        for place in range(10):
            byte = self.unsigned(1)
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value & MASK
        raise Refused("a varint has more than ten bytes")

    def packed(self, count, width):
        bits = int.from_bytes(self.take((count * width + 7) // 8), "little")
        mask = (1 << width) - 1
        return [(bits >> (index * width)) & mask for index in range(count)]

    def width(self):
        width = self.unsigned(1)
        if width > 64:
            raise Refused("a width is above 64")
        return width


def groups(count):
    while count > 0:
        yield min(count, GROUP)
        count -= GROUP


def constant(reader, count):
    return [reader.signed(8)] * count


def delta(reader, count):
    values = [reader.signed(8)]
    for size in groups(count - 1):
        for difference in reader.packed(size, reader.width()):
            values.append(wrap(values[-1] + unzigzag(difference)))
    return values


def offset(reader, count):
    values = []
    for size in groups(count):
        base = unzigzag(reader.varint())
        values += [wrap(base + difference) for difference in reader.packed(size, reader.width())]
    return values


def dictionary(reader, count):
    entry_count = reader.unsigned(2)
    if entry_count == 0:
        raise Refused("a dictionary has no entries")
    entries = [reader.signed(8) for _ in range(entry_count)]
    values = []
    for size in groups(count):
        for index in reader.packed(size, (entry_count - 1).bit_length()):
            if index >= entry_count:
                raise Refused("an index is not below the number of entries")
            values.append(entries[index])
    return values


ENCODINGS = {1: constant, 2: delta, 3: offset, 4: dictionary}


def decode_values(reader, encoding, count):
    if encoding not in ENCODINGS:
        raise Refused("an encoding is not known")
    return ENCODINGS[encoding](reader, count) if count else []


def decode_texts(reader, count):
    lengths = decode_values(reader, reader.unsigned(1), count)
    if any(not 0 <= length <= 0xFFFF for length in lengths):
        raise Refused("a text has an impossible length")
    return [bytes(reader.take(length)) for length in lengths]


def code_bytes(value):
    return (value & MASK).to_bytes(8, "little").rstrip(b"\0")


def flag_names(value):
    return [FLAGS[bit] if bit < len(FLAGS) else f"bit_{bit}" for bit in range(32) if value >> bit & 1]


def meaning(form, value, exponent):
    """A value of a column as JSON, or None where it stands for nothing."""
    if form == "text":
        return value.hex()
    if value == NONE and form != "code":
        return None
    if form == "integer":
        return value
    if form == "decimal":
        return [value, exponent]
    if form == "side":
        if value not in (0, 1, 2):
            raise Refused("a side is not known")
        return {0: None, 1: "buy", 2: "sell"}[value]
    if form == "flags":
        if not 0 <= value < 1 << 32:
            raise Refused("flags have more than 32 bits")
        return flag_names(value) or None
    if form == "number32":
        if not -(1 << 31) <= value < 1 << 31:
            raise Refused("a number has more than 32 bits")
        return value or None
    return code_bytes(value).hex() or None


def column_of(column_id, kind, previous_id):
    if column_id not in COLUMNS or column_id <= previous_id:
        raise Refused("a column is not known or out of order")
    name, kinds, form = COLUMNS[column_id]
    if kind not in kinds:
        raise Refused("a column belongs to another kind")
    return name, form


def fill(rows, holders, column_id, values, exponent):
    """Puts the values of a column into the rows that have one."""
    name, _, form = COLUMNS[column_id]
    for index, value in zip(holders, values):
        shown = meaning(form, value, exponent)
        if shown is None and column_id == 1:
            raise Refused("an event has no event time")
        if shown is None:
            continue
        if column_id == 5 and name in rows[index]:
            raise Refused("an event has two ids")
        rows[index]["text_id" if column_id == 5 else name] = shown


def decode_column(reader, kind, rows, previous_id):
    column_id = reader.unsigned(1)
    encoding = reader.unsigned(1)
    exponent = reader.signed(1)
    reader.unsigned(1)
    column = Reader(reader.take(reader.unsigned(4)))
    column_of(column_id, kind, previous_id)
    holders = range(len(rows))
    if encoding & 0x80:
        if column_id == 1:
            raise Refused("an event has no event time")
        bitmap = column.take((len(rows) + 7) // 8)
        holders = [index for index in holders if bitmap[index // 8] >> (index % 8) & 1]
    encoding &= 0x7F
    if (encoding == 5) != (column_id == 5):
        raise Refused("only the text id is text")
    if encoding == 5:
        values = decode_texts(column, len(holders))
    else:
        values = decode_values(column, encoding, len(holders))
    if column.remaining:
        raise Refused("a column goes on after its last value")
    fill(rows, holders, column_id, values, exponent)
    return column_id


def read_bins(reader, divisor):
    """The lower ends, widths and frequencies of the bins, and the precision."""
    count = reader.unsigned(1) + 1
    precision = reader.unsigned(1)
    if count < 2 or precision > 12:
        raise Refused("bins are impossible")
    bins = []
    lower = 0
    for number in range(count):
        step = reader.varint()
        lower = unzigzag(step) if number == 0 else wrap(lower + divisor * step)
        frequency = reader.varint()
        width = reader.width() if frequency & 1 else 0
        if frequency >> 1 == 0:
            raise Refused("a bin is never used")
        bins.append((lower, width, frequency >> 1))
    if sum(frequency for _, _, frequency in bins) != 1 << precision:
        raise Refused("frequencies do not add up")
    return bins, precision


def read_symbols(reader, count, bins, precision):
    """The number of the bin of each value, by rANS with four states."""
    word_count = reader.varint()
    states = [reader.unsigned(4) for _ in range(4)]
    if word_count > count:
        raise Refused("there are more words than values")
    words = Reader(reader.take(2 * word_count))
    parts = [(number, part) for number, (_, _, frequency) in enumerate(bins) for part in range(frequency)]
    symbols = []
    for index in range(count):
        state = states[index % 4]
        number, part = parts[state & ((1 << precision) - 1)]
        state = bins[number][2] * (state >> precision) + part
        if state < 1 << 16:
            state = state << 16 | words.unsigned(2)
        states[index % 4] = state
        symbols.append(number)
    if words.remaining or any(state != 1 << 16 for state in states):
        raise Refused("the words are not those of the values")
    return symbols


def read_offsets(reader, widths):
    total = sum(widths)
    data = reader.take((total + 7) // 8)
    offsets = []
    place = 0
    for width in widths:
        # The bits of one value are within nine bytes.
        near = int.from_bytes(data[place // 8:place // 8 + 9], "little")
        offsets.append(near >> (place % 8) & ((1 << width) - 1))
        place += width
    return offsets


def series(reader, count):
    """A series of that many integers of a sealed block."""
    form = reader.unsigned(1)
    order = form & 3
    if form > 15 or order > 2 or order >= count:
        raise Refused("a series has an impossible form")
    value = unzigzag(reader.varint()) if order > 0 else 0
    difference = unzigzag(reader.varint()) if order > 1 else 0
    divisor = reader.varint() if form & 4 else 1
    if form & 8:
        bins, precision = read_bins(reader, divisor)
        chosen = [bins[symbol] for symbol in read_symbols(reader, count - order, bins, precision)]
    else:
        lower = unzigzag(reader.varint())
        chosen = [(lower, reader.width(), 0)] * (count - order)
    offsets = read_offsets(reader, [width for _, width, _ in chosen])
    numbers = [wrap(lower + divisor * offset) for (lower, _, _), offset in zip(chosen, offsets)]
    if order == 0:
        return numbers
    values = [value]
    if order == 2:
        value = wrap(value + difference)
        values.append(value)
    for number in numbers:
        difference = wrap(difference + number) if order == 2 else number
        value = wrap(value + difference)
        values.append(value)
    return values


def decode_sealed_column(reader, kind, rows, previous_id, times):
    head = reader.unsigned(1)
    column_id = head & 0x7F
    column = Reader(reader.take(reader.varint()))
    _, form = column_of(column_id, kind, previous_id)
    exponent = column.signed(1) if form == "decimal" else 0
    holders = range(len(rows))
    if head & 0x80:
        if column_id in NEVER_SPARSE:
            raise Refused("a column cannot be sparse")
        presence = series(column, len(rows))
        if any(value not in (0, 1) for value in presence):
            raise Refused("a presence is neither 0 nor 1")
        holders = [index for index in holders if presence[index]]
    values = series(column, len(holders)) if holders else []
    if column_id == 1:
        first, last = times
        values = [wrap(first + value) for value in values]
        if values != sorted(values) or values[0] != first or values[-1] != last:
            raise Refused("event times are not in order, or not those of the header")
    if column_id == 5:
        values = sealed_texts(column, values)
    if column.remaining:
        raise Refused("a column goes on after its last value")
    fill(rows, holders, column_id, values, exponent)
    return column_id


def sealed_texts(reader, lengths):
    if any(not 0 <= length <= 0xFFFF for length in lengths):
        raise Refused("a text has an impossible length")
    total = sum(lengths)
    if total > LARGEST_TEXTS:
        raise Refused("texts are too long")
    values = series(reader, total) if total else []
    if any(not 0 <= value <= 255 for value in values):
        raise Refused("a byte of a text is none")
    whole = Reader(bytes(values))
    return [bytes(whole.take(length)) for length in lengths]


def hot_header(reader):
    kind, columns, count = reader.unsigned(1), reader.unsigned(2), reader.unsigned(4)
    first, last, least, greatest = (reader.signed(8) for _ in range(4))
    return kind, columns, count, (first, last), (least, greatest)


def sealed_header(reader):
    kind, count, columns = reader.unsigned(1), reader.varint(), reader.varint()
    ranges = []
    for _ in range(2):
        first = unzigzag(reader.varint())
        ranges.append((first, first + reader.varint()))
        if ranges[-1][1] > MASK >> 1:
            raise Refused("a range ends beyond all numbers")
    return kind, columns, count, *ranges


def decode(data):
    """The header and the events of a block."""
    if len(data) < 5 or data[:4] != b"TDB1" or data[4] not in (1, 2):
        raise Refused("magic or version are others")
    is_sealed = data[4] == 2
    if len(data) < (9 if is_sealed else 48):
        raise Refused("too short")
    if crc32c(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise Refused("the checksum is wrong")
    reader = Reader(data[:-4])
    reader.take(5)
    kind, columns, count, positions, times = sealed_header(reader) if is_sealed else hot_header(reader)
    if kind not in KINDS or not 1 <= count <= 65_536 or columns > len(COLUMNS):
        raise Refused("the header is impossible")
    if positions[1] - positions[0] < count - 1 or times[0] > times[1]:
        raise Refused("the header is impossible")
    rows = [{} for _ in range(count)]
    column_id = 0
    for number in range(columns):
        if is_sealed:
            column_id = decode_sealed_column(reader, kind, rows, column_id, times)
        else:
            column_id = decode_column(reader, kind, rows, column_id)
        if number == 0 and column_id != 1:
            raise Refused("there are no event times")
    if reader.remaining:
        raise Refused("bytes are left behind the last column")
    if columns == 0:
        raise Refused("there are no event times")
    for row in rows:
        delay = row.pop("receipt_delay", None)
        if delay is not None:
            row["receipt_time"] = wrap(row["event_time"] + delay)
    header = {"kind": KINDS[kind], "sealed": is_sealed, "count": count}
    header |= {"positions": list(positions), "event_times": list(times)}
    return header, rows


def main(paths):
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        try:
            header, rows = decode(data)
        except Refused as refusal:
            print(json.dumps({"error": str(refusal)}))
            continue
        for line in [header, *rows]:
            print(json.dumps(line, separators=(",", ":")))


if __name__ == "__main__":
    main(sys.argv[1:])
