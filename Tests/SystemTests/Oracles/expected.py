#!/usr/bin/env python3
"""Computes what `tapedesk export` has to print, from the recording alone.

    expected.py FORMAT FILE KIND SYMBOL

Written from the venues' documentation and from the contract of the export, not from the program that it checks:
it shares no code with it, reads the files with the standard library, and keeps numbers as the text that was sent.
zstd is read through the zstd program.
"""

from __future__ import annotations

import datetime
import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

TRADE_HEADER = "event_time,receipt_time,id,sequence,price,size,side,flags"
QUOTE_HEADER = "event_time,receipt_time,sequence,bid_price,bid_size,ask_price,ask_size,flags"

Row = tuple[int, list[str]]


def plain(number: str) -> str:
    """The decimal as it was sent, without zeros that say nothing."""
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return number


def nanoseconds(seconds: str) -> int:
    """Decimal seconds as an integer of nanoseconds, without a floating-point number in between."""
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000_000 + int((fraction + "000000000")[:9])


def rfc3339(text: str) -> int:
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(whole + "+00:00")
    return int(moment.timestamp()) * 1_000_000_000 + int((fraction + "000000000")[:9])


def quote_flags(bid: str, ask: str) -> list[str]:
    if not bid or not ask:
        return []
    low, high = Decimal(bid), Decimal(ask)
    return ["crossed"] if low > high else ["locked"] if low == high else []


# Recordings, one function each. They yield rows in the order of the tape.


def binance(path: str, kind: str, symbol: str) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            receipt, _, text = line.partition(" ")
            message = json.loads(text)
            stream = message.get("stream", "")
            data = message.get("data", {})
            if data.get("s") != symbol:
                continue
            if kind == "trade" and stream.endswith("@trade"):
                time = data["T"] * 1_000_000
                side = "sell" if data["m"] else "buy"
                yield time, [str(time), receipt, str(data["t"]), "", plain(data["p"]), plain(data["q"]), side, ""]
            if kind == "quote" and stream.endswith("@bookTicker"):
                time = data["T"] * 1_000_000 if "T" in data else int(receipt)
                flags = quote_flags(data["b"], data["a"]) + ([] if "T" in data else ["no_event_time"])
                numbers = [plain(data[name]) for name in ("b", "B", "a", "A")]
                yield time, [str(time), receipt, str(data["u"]), *numbers, "|".join(flags)]


def rows_in_zip(path: str) -> Iterator[list[str]]:
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        for line in archive.read(name).decode("ascii").splitlines():
            if line:
                yield line.split(",")


def midnight(path: str, zone: str) -> int:
    """Nanoseconds of the local midnight of the day that the name tells."""
    day = next(part for part in Path(path).stem.split("-") if part.isdigit() and len(part) == 8)
    moment = datetime.datetime.strptime(day, "%Y%m%d").replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * 1_000_000_000


def ten_thousandth(number: str) -> str:
    number = number.rjust(5, "0")
    return plain(f"{number[:-4]}.{number[-4:]}")


def lean_trade(path: str, kind: str, symbol: str) -> Iterator[Row]:
    start = midnight(path, "America/New_York")
    for row in rows_in_zip(path):
        time = start + int(row[0]) * 1_000_000
        flags = "suspicious" if row[5] == "1" else ""
        yield time, [str(time), "", "", "", ten_thousandth(row[1]), row[2], "", flags]


def lean_quote(path: str, kind: str, symbol: str) -> Iterator[Row]:
    start = midnight(path, "America/New_York")
    for row in rows_in_zip(path):
        time = start + int(row[0]) * 1_000_000
        # A side of zeros did not change, and is not sent.
        bid, bid_size, ask, ask_size = (
            [ten_thousandth(row[1]), row[2]] if row[1] != "0" else ["", ""]
        ) + ([ten_thousandth(row[3]), row[4]] if row[3] != "0" else ["", ""])
        flags = quote_flags(bid, ask) + (["suspicious"] if row[7] == "1" else [])
        yield time, [str(time), "", "", bid, bid_size, ask, ask_size, "|".join(flags)]


def lean_forex(path: str, kind: str, symbol: str) -> Iterator[Row]:
    start = midnight(path, "America/New_York")
    for row in rows_in_zip(path):
        time = start + int(row[0]) * 1_000_000
        yield time, [str(time), "", "", plain(row[1]), "", plain(row[2]), "", "|".join(quote_flags(row[1], row[2]))]


def received(path: str) -> Iterator[tuple[int, str, dict | list]]:
    """Receipt time, connection and message of every envelope that holds one."""
    text = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout.decode("utf-8")
    for line in text.splitlines():
        envelope = json.loads(line, parse_float=str)
        if envelope["t"] == "recv":
            yield nanoseconds(str(envelope["ts"])), envelope["conn"], json.loads(envelope["data"], parse_float=str)


def coinbase(path: str, kind: str, symbol: str) -> Iterator[Row]:
    for receipt, _, message in received(path):
        sequence = message.get("sequence_num")
        for event in message.get("events", []):
            if kind == "trade" and message["channel"] == "market_trades":
                # Newest first inside a message; the side is the maker's.
                for trade in reversed(event["trades"]):
                    if trade["product_id"] != symbol:
                        continue
                    time = rfc3339(trade["time"])
                    side = {"BUY": "sell", "SELL": "buy"}[trade["side"]]
                    numbers = [plain(trade["price"]), plain(trade["size"]), side, ""]
                    yield time, [str(time), str(receipt), trade["trade_id"], str(sequence), *numbers]
            if kind == "quote" and message["channel"] == "ticker":
                for ticker in event["tickers"]:
                    if ticker["product_id"] != symbol:
                        continue
                    time = rfc3339(message["timestamp"])
                    names = ("best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity")
                    numbers = [plain(ticker[name]) for name in names]
                    flags = "|".join(quote_flags(ticker["best_bid"], ticker["best_ask"]))
                    yield time, [str(time), str(receipt), str(sequence), *numbers, flags]


def kraken(path: str, kind: str, symbol: str) -> Iterator[Row]:
    for receipt, _, message in received(path):
        if not isinstance(message, list) or message[-1] != symbol:
            continue
        if kind == "trade" and message[-2] == "trade":
            for price, size, when, side, *_ in message[1]:
                time = nanoseconds(when)
                side = {"b": "buy", "s": "sell"}[side]
                yield time, [str(time), str(receipt), "", "", plain(price), plain(size), side, ""]
        if kind == "quote" and message[-2] == "ticker":
            # [price, whole lot volume, lot volume]
            (bid, _, bid_size), (ask, _, ask_size) = message[1]["b"], message[1]["a"]
            flags = "|".join(quote_flags(bid, ask) + ["no_event_time"])
            numbers = [plain(text) for text in (bid, bid_size, ask, ask_size)]
            yield receipt, [str(receipt), str(receipt), "", *numbers, flags]


def bybit(path: str, kind: str, symbol: str) -> Iterator[Row]:
    for receipt, _, message in received(path):
        if not message.get("topic", "").startswith("publicTrade."):
            continue
        for trade in message["data"]:
            if trade["s"] != symbol:
                continue
            time = trade["T"] * 1_000_000
            numbers = [plain(trade["p"]), plain(trade["v"]), trade["S"].lower(), ""]
            yield time, [str(time), str(receipt), trade["i"], str(trade.get("seq", "")), *numbers]


FORMATS = {
    "binance": binance,
    "lean-trade": lean_trade,
    "lean-quote": lean_quote,
    "lean-forex": lean_forex,
    "coinbase": coinbase,
    "kraken": kraken,
    "bybit": bybit,
}


def main() -> None:
    name, path, kind, symbol = sys.argv[1:]
    rows = list(FORMATS[name](path, kind, symbol))
    # In order of event time; what has the same time stays in the order of the tape.
    rows.sort(key=lambda row: row[0])
    out = [TRADE_HEADER if kind == "trade" else QUOTE_HEADER]
    out += [",".join(fields) for _, fields in rows]
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
