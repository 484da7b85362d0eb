#!/usr/bin/env python3
"""Makes documents those of another version of Tapedesk, behind the back of every program.

    schema_versions.py PORT DATABASE count COLLECTION           prints how many documents have which schema version
    schema_versions.py PORT DATABASE set COLLECTION VERSION     gives all documents a schema version
    schema_versions.py PORT DATABASE first-layout               makes market data that of version 1, which had no slots
    schema_versions.py PORT DATABASE digest COLLECTION          prints a digest of all documents

Each change raises the version of the document, as a program's would. Needs pymongo: scripts/local-mongo python prints
the path of a Python that has it.
"""

from __future__ import annotations

import hashlib
import json
import sys

from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

TIMEOUT_MS = 20_000


def count(database: Database, collection: str) -> None:
    groups = database[collection].aggregate([{"$group": {"_id": "$schema_version", "count": {"$sum": 1}}}])
    print(json.dumps({str(group["_id"]): group["count"] for group in groups}))


def change(database: Database, collection: str, update: dict) -> None:
    majority = database.get_collection(collection, write_concern=WriteConcern("majority", j=True))
    majority.update_many({}, {**update, "$inc": {"version": Int64(1)}})


def digest(database: Database, collection: str) -> None:
    options = database.codec_options.with_options(document_class=RawBSONDocument)
    total = hashlib.sha256()
    for document in database.get_collection(collection, codec_options=options).find().sort("_id"):
        total.update(document.raw)
    print(total.hexdigest())


def main() -> int:
    port, name, command, *arguments = sys.argv[1:]
    client: MongoClient = MongoClient(
        "127.0.0.1", int(port), directConnection=True, serverSelectionTimeoutMS=TIMEOUT_MS
    )
    database = client[name]
    if command == "count":
        count(database, arguments[0])
    elif command == "set":
        change(database, arguments[0], {"$set": {"schema_version": Int64(int(arguments[1]))}})
    elif command == "first-layout":
        change(database, "market_data", {"$set": {"schema_version": Int64(1)}, "$unset": {"slots": ""}})
    elif command == "digest":
        digest(database, arguments[0])
    else:
        print(__doc__, file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    sys.exit(main())
