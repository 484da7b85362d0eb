#!/usr/bin/env python3
"""Backs a database up and brings it back, as docs/operating.md says, with nothing but pymongo and files.

    backup.py PORT lock-copy DATA TARGET          copies the files of a mongod while it takes no writes
    backup.py PORT dump DATABASE FOLDER HOW       reads all documents of all collections into files; HOW is
        snapshot   as they are at one moment
        ordered    one collection after the other, in the order that loses nothing: checkpoints first, and the parts
                   of each window from the last to the first
        late       the same with the checkpoints last, which loses
    backup.py PORT load DATABASE FOLDER           writes the documents of such files into collections that are empty

`dump` prints how many records the checkpoints had counted at its beginning, in what it read, and at its end. It reads
slowly: behind each collection and each document of market data it waits until the checkpoints have moved, so that what
it reads is as far apart as it can be.
Needs pymongo: scripts/local-mongo python prints the path of a Python that has it.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from bson import decode_file_iter
from bson.raw_bson import RawBSONDocument
from pymongo import DESCENDING, MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

TIMEOUT_MS = 20_000
MOVE_S = 3.0
BATCH_BYTES = 8 << 20

# A document names what is in collections that come after its own, or counts as much as they have at least.
ORDER = [
    "checkpoints", "gaps", "rejects", "candles", "market_data", "deletions", "support_requests", "support_history",
    "counters", "erasures", "alerts",
]
LATE = ORDER[1:] + ORDER[:1]
# The index `lane_window`, read from its end: a part that is begun meanwhile is missed, and the one before it is whole.
LAST_PART_FIRST = [
    (field, DESCENDING) for field in ("instrument_symbol", "kind", "window_start", "source", "part")
]


def lock_copy(client: MongoClient, data: str, target: str) -> None:
    client.admin.command("fsync", lock=True)
    try:
        shutil.copytree(data, target)
    finally:
        client.admin.command("fsyncUnlock")


def documents(database: Database, name: str, session: ClientSession | None) -> Iterator[RawBSONDocument]:
    options = database.codec_options.with_options(document_class=RawBSONDocument)
    concern = None if session else ReadConcern("majority")
    collection = database.get_collection(name, codec_options=options, read_concern=concern)
    if name != "market_data":
        return iter(collection.find(session=session))
    # Two at a time is the least: one would end the cursor.
    return iter(collection.find(batch_size=2, session=session).sort(LAST_PART_FIRST))


def records(database: Database) -> int:
    return sum(checkpoint["records"] for checkpoint in database.checkpoints.find({}, {"records": 1}))


def wait_for_move(database: Database) -> None:
    """Until the checkpoints have moved, or none does any more."""
    before, deadline = records(database), time.monotonic() + MOVE_S
    while records(database) == before and time.monotonic() < deadline:
        if not database.checkpoints.find_one({"is_complete": False}):
            return
        time.sleep(0.002)


def dump(client: MongoClient, database: Database, folder: str, how: str) -> None:
    Path(folder).mkdir()
    names = [name for name in (LATE if how == "late" else ORDER) if name in database.list_collection_names()]
    first, read = records(database), 0
    with client.start_session(snapshot=True) if how == "snapshot" else nullcontext() as session:
        for name in names:
            with open(Path(folder) / f"{name}.bson", "wb") as file:
                for document in documents(database, name, session):
                    file.write(document.raw)
                    if name == "checkpoints":
                        read += document["records"]
                    if name == "market_data":
                        wait_for_move(database)
            wait_for_move(database)
    print(first, read, records(database))


def load(database: Database, folder: str) -> None:
    options = database.codec_options.with_options(document_class=RawBSONDocument)
    for path in sorted(Path(folder).glob("*.bson")):
        collection = database.get_collection(
            path.stem, codec_options=options, write_concern=WriteConcern("majority", j=True)
        )
        if collection.find_one({}, {"_id": 1}):
            raise RuntimeError(f"{path.stem} is not empty")
        batch: list[RawBSONDocument] = []
        size = 0
        with open(path, "rb") as file:
            for document in decode_file_iter(file, options):
                batch.append(document)
                size += len(document.raw)
                if size >= BATCH_BYTES:
                    collection.insert_many(batch)
                    batch, size = [], 0
        if batch:
            collection.insert_many(batch)


def main() -> int:
    port, command, *arguments = sys.argv[1:]
    client: MongoClient = MongoClient(
        "127.0.0.1", int(port), directConnection=True, serverSelectionTimeoutMS=TIMEOUT_MS
    )
    if command == "lock-copy":
        lock_copy(client, *arguments)
    elif command == "dump":
        dump(client, client[arguments[0]], arguments[1], arguments[2])
    elif command == "load":
        load(client[arguments[0]], arguments[1])
    else:
        print(__doc__, file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    sys.exit(main())
