#!/usr/bin/env python3
"""Stores what `tapedesk export --format ndjson` prints in a native time-series collection, and measures its size on disk.

The documents hold the same facts: event time in nanoseconds (a date in milliseconds, and the rest as a number), id or
sequence, prices, sizes, side, flags, venue code and sale condition; the instrument is the meta field. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TextIO

import pymongo
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database

BATCH = 2_000
EPOCH = datetime.datetime(1970, 1, 1)
NUMBERS = ("price", "size", "bid_price", "bid_size", "ask_price", "ask_size", "open", "high", "low", "close", "volume")
TEXTS = ("side", "flags", "venue_code", "condition")

Number = Callable[[str], Any]


def integer_or_text(text: str) -> Any:
    return Int64(text) if text.isdigit() and len(text) < 19 else text


def document(fields: dict[str, str], symbol: str, number: Number) -> dict[str, Any]:
    """One event as a document; empty columns are left out."""
    nanoseconds = int(fields["event_time"] or fields["receipt_time"])
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    result: dict[str, Any] = {"t": EPOCH + datetime.timedelta(milliseconds=milliseconds), "m": symbol}
    if rest:
        result["ns"] = rest
    for name, text in fields.items():
        if not text or name == "event_time":
            continue
        if name == "receipt_time":
            result[name] = Int64(text)
        elif name in NUMBERS:
            result[name] = number(text)
        elif name in TEXTS:
            result[name] = text
        else:
            result[name] = integer_or_text(text)
    return result


def row(line: str) -> dict[str, str]:
    """One line of the export as texts; what is absent is empty."""
    return {name: "" if value is None else str(value) for name, value in json.loads(line).items()}


def chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def sizes(database: Database[dict[str, Any]], name: str) -> dict[str, int]:
    """Sizes after a checkpoint; before one, the file on disk has not seen the newest data."""
    database.client.admin.command("fsync")
    stats = database.command("collStats", name)
    return {
        "storage_bytes": stats["storageSize"],
        "free_bytes": stats.get("freeStorageSize", 0),
        "index_bytes": stats.get("totalIndexSize", 0),
        "buckets": stats.get("timeseries", {}).get("bucketCount", 0),
    }


def store(source: TextIO, arguments: argparse.Namespace) -> dict[str, Any]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        arguments.uri, w="majority", journal=True, serverSelectionTimeoutMS=10_000
    )
    client.drop_database(arguments.database)
    database = client[arguments.database]
    collection = database.create_collection(
        "events", timeseries={"timeField": "t", "metaField": "m", "granularity": "seconds"}
    )
    number: Number = float if arguments.numbers == "double" else Decimal128
    rows = (document(row(line), arguments.symbol, number) for line in source)
    events = 0
    began = time.perf_counter()
    for batch in chunks(rows):
        collection.insert_many(batch, ordered=False)
        events += len(batch)
    seconds = time.perf_counter() - began
    if events == 0:
        raise SystemExit("native_timeseries: there is no event in the input")
    measured = sizes(database, "events")
    # Raw batches: what the server sends, without the time that Python takes to make objects of it.
    began = time.perf_counter()
    received = sum(len(batch) for batch in collection.find_raw_batches(sort=[("t", 1)]))
    read_seconds = time.perf_counter() - began
    client.drop_database(arguments.database)
    used = measured["storage_bytes"] - measured["free_bytes"]
    return {
        "events": events,
        "seconds": seconds,
        "numbers": arguments.numbers,
        "find_events_per_second": events / read_seconds,
        "find_bytes": received,
        **measured,
        "bytes_per_event": measured["storage_bytes"] / events,
        "bytes_per_event_without_free": used / events,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri", help="MongoDB connection string")
    parser.add_argument("file", nargs="?", default="-", help="NDJSON file; - or nothing is stdin")
    parser.add_argument("--symbol", default="BENCH:SYMBOL", help="value of the meta field")
    parser.add_argument("--database", default="tapedesk_bench_native", help="database; dropped before and after")
    parser.add_argument("--numbers", choices=("decimal", "double"), default="decimal", help="type of prices and sizes")
    arguments = parser.parse_args()
    if arguments.file == "-":
        result = store(sys.stdin, arguments)
    else:
        with open(arguments.file, encoding="utf-8") as source:
            result = store(source, arguments)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
