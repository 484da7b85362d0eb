#!/usr/bin/env python3
"""Reads the collection market_data directly, and says what is in it.

    market_data.py PORT DATABASE documents
    market_data.py PORT DATABASE check
    market_data.py PORT DATABASE export INSTRUMENT KIND

`documents` prints one line for each document: its id, its version, whether it is a bucket, a segment or replaced, and
a digest of all of its fields. `check` decodes every live document, that is every one without `replaced_by`, compares
it with what it says about itself, checks that each part of each window is in exactly one of them, and prints one JSON
object; its exit code is 1 where something is wrong. `export` prints the events of one instrument as `tapedesk export`
has to: in order of event time, then source, then position.

Shares no code with what it checks: blocks are read by Tests/TickCodecTests/Decoder/block_decoder.py, documents by the
client of damage_block.py, both with the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "TickCodecTests" / "Decoder"))

from block_decoder import Refused, crc32c  # noqa: E402
from block_decoder import decode as decode_block  # noqa: E402
from damage_block import HOST, TIMEOUT_S, command  # noqa: E402

NS = 1_000_000_000
HEADERS = {
    "trade": ["event_time", "receipt_time", "id", "sequence", "price", "size", "side", "flags"],
    "quote": [
        "event_time", "receipt_time", "sequence", "bid_price", "bid_size", "ask_price", "ask_size", "flags",
    ],
}


class Store:
    """One database, by a connection of its own."""

    def __init__(self, port: int, database: str):
        self.connection = socket.create_connection((HOST, port), timeout=TIMEOUT_S)
        self.database = database

    def documents(self, condition: dict) -> Iterator[dict]:
        """All documents that meet a condition, in order of their ids."""
        query = {"find": "market_data", "filter": condition, "sort": {"_id": 1}, "batchSize": 100}
        query["readConcern"] = {"level": "majority"}
        cursor = command(self.connection, self.database, query)["cursor"]
        batch = cursor["firstBatch"]
        while True:
            yield from batch
            if cursor["id"] == 0:
                return
            more = {"getMore": cursor["id"], "collection": "market_data"}
            cursor = command(self.connection, self.database, more)["cursor"]
            batch = cursor["nextBatch"]


def lane(document: dict) -> tuple[str, str, str]:
    return document["instrument_symbol"], document["kind"], document["source"]


def slots_of(document: dict) -> list[int]:
    """Window start plus part, for each part of a window that the document holds, or held."""
    own = [document["window_start"] + document["part"]]
    return document.get("slots") or document.get("former_slots") or own


def events_of(document: dict) -> Iterator[tuple[int, int, dict, dict]]:
    """Block number, row number, header and event."""
    for number, block in enumerate(document["blocks"]):
        header, rows = decode_block(bytes(block))
        for row_number, row in enumerate(rows):
            yield number, row_number, header, row


def problems_of(document: dict) -> list[str]:
    """What a document says about itself and is not so."""
    problems = []

    def check(name: str, actual: object) -> None:
        if document.get(name) != actual:
            problems.append(f"{name} is {document.get(name)}, the blocks say {actual}")

    blocks = [bytes(block) for block in document["blocks"]]
    headers = []
    times = []
    try:
        for block in blocks:
            header, rows = decode_block(block)
            headers.append(header)
            times += [row["event_time"] for row in rows]
            if header["count"] != len(rows):
                problems.append("a block has another number of events than its header says")
    except Refused as refusal:
        return [f"block {len(headers)} is refused: {refusal}"]
    sealed = [header for header in headers if header["sealed"]]
    if sealed != headers[: len(sealed)]:
        problems.append("a sealed block stands behind one that is not")
    check("block_count", len(blocks))
    check("block_bytes", sum(len(block) for block in blocks))
    check("event_count", len(times))
    check("first_event_time", min(times))
    check("last_event_time", max(times))
    check("checksum", crc32c(b"".join(block[-4:] for block in blocks)))
    if document.get("sealed_block_count", 0) != len(sealed):
        problems.append("sealed_block_count does not match the blocks")
    if sealed and document["sealed_times"] != [time for header in sealed for time in header["event_times"]]:
        problems.append("sealed_times does not match the blocks")
    end = document["window_start"] + document["window_seconds"] * NS
    if not document["window_start"] <= min(times) <= max(times) < end:
        problems.append("events lie outside the window")
    if {header["kind"] for header in headers} != {document["kind"]}:
        problems.append("a block is of another kind")
    windows = {window["start"] for window in document.get("windows", [])}
    length = 3_600 * NS
    if windows and {time - time % length for time in times} != windows:
        problems.append("the windows of the segment are not those of its events")
    return problems


def check(store: Store) -> int:
    problems: list[str] = []
    holders: dict[tuple, list[str]] = defaultdict(list)
    parts: dict[tuple, list[int]] = defaultdict(list)
    replaced = []
    events: Counter[str] = Counter()
    count = Counter(documents=0, segments=0, sealed=0)
    for document in store.documents({}):
        if "replaced_by" in document:
            replaced.append(document)
            continue
        count["documents"] += 1
        count["segments"] += "windows" in document
        count["sealed"] += document.get("sealed_block_count") == document["block_count"]
        events[document["kind"]] += document["event_count"]
        problems += [f"{document['_id']}: {problem}" for problem in problems_of(document)]
        starts = sorted(window["start"] for window in document.get("windows", [])) or [document["window_start"]]
        for slot in slots_of(document):
            holders[(*lane(document), slot)].append(document["_id"])
            start = max(start for start in starts if start <= slot)
            parts[(*lane(document), start)].append(slot - start)
    for slot, ids in holders.items():
        if len(ids) > 1:
            problems.append(f"{slot} is in {ids}")
    for window, numbers in parts.items():
        if sorted(numbers) != list(range(len(numbers))):
            problems.append(f"the parts of {window} are {sorted(numbers)}")
    for document in replaced:
        for slot in slots_of(document):
            if not holders.get((*lane(document), slot)):
                problems.append(f"{document['_id']} is replaced, and nobody holds {slot}")
    report = {**count, "replaced": len(replaced), "events": dict(events), "problems": problems}
    print(json.dumps(report))
    return 1 if problems else 0


def decimal(value: list[int] | None) -> str:
    """A mantissa and an exponent of ten as a decimal without trailing zeros."""
    if value is None:
        return ""
    mantissa, exponent = value
    digits = str(abs(mantissa))
    if exponent >= 0:
        text = str(int(digits) * 10**exponent)
    else:
        digits = digits.rjust(1 - exponent, "0")
        text = f"{digits[:exponent]}.{digits[exponent:]}".rstrip("0").rstrip(".")
    return "-" + text if mantissa < 0 else text


def field(row: dict, name: str) -> str:
    value = row.get(name)
    if name == "id" and "text_id" in row:
        return bytes.fromhex(row["text_id"]).decode()
    if name == "flags":
        return "|".join(value or [])
    if isinstance(value, list) or name.endswith(("price", "size")):
        return decimal(value)
    return "" if value is None else str(value)


def export(store: Store, instrument: str, kind: str) -> None:
    rows = []
    for document in store.documents({"instrument_symbol": instrument, "kind": kind}):
        if "replaced_by" in document:
            continue
        first = min(slots_of(document))
        for block, place, _, row in events_of(document):
            rows.append(((row["event_time"], document["source"], first, block, place), row))
    rows.sort(key=lambda pair: pair[0])
    names = HEADERS[kind]
    lines = [",".join(names)] + [",".join(field(row, name) for name in names) for _, row in rows]
    sys.stdout.write("\n".join(lines) + "\n")


def print_documents(store: Store) -> None:
    for document in store.documents({}):
        kind = "replaced" if "replaced_by" in document else "segment" if "windows" in document else "bucket"
        digest = hashlib.sha256(repr(document).encode()).hexdigest()
        print(document["_id"], document["version"], kind, digest, sep="\t")


def main() -> int:
    port, database, what, *rest = sys.argv[1:]
    store = Store(int(port), database)
    if what == "documents":
        print_documents(store)
    elif what == "export":
        export(store, *rest)
    else:
        return check(store)
    return 0


if __name__ == "__main__":
    sys.exit(main())
