"""Moves chunks of a sharded database from shard to shard, one after the other, and prints how many it moved.

    move_chunks.py URI DATABASE MOVES SECONDS

It ends after so many moves, or so many seconds. Splits come first, so that there is something to move of every
collection that is sharded. What a shard refuses because it is busy is tried again.
"""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import pymongo
from pymongo.errors import OperationFailure

Document = dict[str, Any]


def chunks(client: pymongo.MongoClient[Document], database: str) -> list[tuple[str, Document]]:
    """The chunks of all collections of the database, with the names of these."""
    found: list[tuple[str, Document]] = []
    for collection in client.config.collections.find({"_id": {"$regex": f"^{database}\\."}}):
        of = {"uuid": collection["uuid"]} if "uuid" in collection else {"ns": collection["_id"]}
        found += [(collection["_id"], chunk) for chunk in client.config.chunks.find(of)]
    return found


def move(client: pymongo.MongoClient[Document], namespace: str, chunk: Document, to: str) -> bool:
    try:
        client.admin.command("moveChunk", namespace, bounds=[chunk["min"], chunk["max"]], to=to)
        return True
    except OperationFailure as error:
        # The chunk was split or moved meanwhile, or the shard still cleans up after the last one.
        print(f"not moved: {error.code} {str(error)[:120]}", file=sys.stderr)
        return False


def main() -> int:
    uri, database, wanted, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    client: pymongo.MongoClient[Document] = pymongo.MongoClient(uri, serverSelectionTimeoutMS=10_000)
    shards = [shard["_id"] for shard in client.config.shards.find()]
    deadline = time.monotonic() + seconds
    moved: dict[str, int] = {}
    while sum(moved.values()) < wanted and time.monotonic() < deadline:
        known = chunks(client, database)
        if not known:
            time.sleep(0.2)
            continue
        namespace, chunk = random.choice(known)
        to = random.choice([shard for shard in shards if shard != chunk["shard"]])
        if move(client, namespace, chunk, to):
            moved[namespace] = moved.get(namespace, 0) + 1
        else:
            time.sleep(0.2)
    print(sum(moved.values()), *(f"{name}={count}" for name, count in sorted(moved.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
