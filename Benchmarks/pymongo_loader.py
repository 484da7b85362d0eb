#!/usr/bin/env python3
"""A plain loader, for comparison: json.loads per line, insert_many in unordered batches of 1,000, majority and journal.

Prints one JSON object: lines, seconds, ticks_per_second, whole (false when it stopped early to keep to the budget).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import pymongo
from pymongo.write_concern import WriteConcern

BATCH = 1_000


def batches(file: BinaryIO, limit: int | None) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for number, line in enumerate(file):
        if limit is not None and number >= limit:
            break
        batch.append(json.loads(line))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def load(arguments: argparse.Namespace) -> dict[str, Any]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        arguments.uri, w="majority", journal=True, serverSelectionTimeoutMS=10_000
    )
    client.drop_database(arguments.database)
    concern = WriteConcern(w="majority", j=True)
    collection = client[arguments.database].get_collection("trades", write_concern=concern)
    size = os.path.getsize(arguments.file)
    lines, read = 0, 0
    began = time.perf_counter()
    with open(arguments.file, "rb") as file:
        for batch in batches(file, arguments.limit):
            collection.insert_many(batch, ordered=False)
            lines += len(batch)
            if lines == arguments.least:
                read = file.tell()
                if (time.perf_counter() - began) * size / read > arguments.budget:
                    break
        whole = file.read(1) == b""
    seconds = time.perf_counter() - began
    client.drop_database(arguments.database)
    return {"lines": lines, "seconds": seconds, "ticks_per_second": lines / seconds, "whole": whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="NDJSON file")
    parser.add_argument("uri", help="MongoDB connection string")
    parser.add_argument("--database", default="tapedesk_bench_pymongo", help="database; dropped before and after")
    parser.add_argument("--limit", type=int, help="stop after this many lines")
    parser.add_argument("--budget", type=float, default=90.0, help="seconds the whole file may take")
    parser.add_argument("--least", type=int, default=1_000_000, help="lines to load before the budget is looked at")
    print(json.dumps(load(parser.parse_args())))


if __name__ == "__main__":
    main()
