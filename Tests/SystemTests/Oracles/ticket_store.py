#!/usr/bin/env python3
"""Looks at stored tickets, or damages them, behind the back of every program.

    ticket_store.py PORT DATABASE dump FILE           writes the bytes of all documents of all collections
    ticket_store.py PORT DATABASE count COLLECTION    prints how many documents a collection has
    ticket_store.py PORT DATABASE receipts            prints the receipts of erasures, one JSON document a line
    ticket_store.py PORT DATABASE expire TICKET       lets the marks of who has a ticket open run out
    ticket_store.py PORT DATABASE tamper TICKET HOW   changes the history of a ticket; HOW is a function below
    ticket_store.py PORT DATABASE archive TICKET HOW  the same with its first document of archived events
    ticket_store.py PORT DATABASE unarchive TICKET    removes that document

Needs pymongo: scripts/local-mongo python prints the path of a Python that has it.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable

from bson import json_util
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database

TIMEOUT_MS = 20_000


def dump(database: Database, path: str) -> None:
    options = database.codec_options.with_options(document_class=RawBSONDocument)
    with open(path, "wb") as file:
        for name in sorted(database.list_collection_names()):
            for document in database.get_collection(name, codec_options=options).find():
                file.write(document.raw)


def count(database: Database, collection: str) -> None:
    print(database[collection].count_documents({}))


def receipts(database: Database) -> None:
    for receipt in database.erasures.find().sort("_id"):
        print(json_util.dumps(receipt))


def expire(database: Database, ticket: str) -> None:
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    if database.presence.update_many({"ticket": ticket}, {"$set": {"expires_at": past}}).modified_count == 0:
        raise RuntimeError(f"nobody has {ticket} open")


def change_text(events: list[dict]) -> list[dict]:
    """Another comment stands where the second event has one."""
    for change in events[1]["changes"]:
        if change["field"] == "comment":
            change["to"] = "never written"
            return events
    raise RuntimeError(f"there is no comment in {events[1]}")


def change_time(events: list[dict]) -> list[dict]:
    events[1]["time"] += datetime.timedelta(milliseconds=1)
    return events


def remove_middle(events: list[dict]) -> list[dict]:
    return events[:1] + events[2:]


def remove_last(events: list[dict]) -> list[dict]:
    return events[:-1]


def reorder(events: list[dict]) -> list[dict]:
    return [events[0], events[2], events[1], *events[3:]]


TAMPERINGS: dict[str, Callable[[list[dict]], list[dict]]] = {
    function.__name__: function for function in (change_text, change_time, remove_middle, remove_last, reorder)
}


def tamper(database: Database, ticket: str, how: str) -> None:
    stored = database.support_requests.find_one({"_id": ticket})
    events = TAMPERINGS[how](stored["events"])
    if database.support_requests.update_one({"_id": ticket}, {"$set": {"events": events}}).modified_count != 1:
        raise RuntimeError(f"ticket {ticket} was not changed")


def archive(database: Database, ticket: str, how: str) -> None:
    stored = first_archive(database, ticket)
    events = TAMPERINGS[how](stored["events"])
    if database.support_history.update_one({"_id": stored["_id"]}, {"$set": {"events": events}}).modified_count != 1:
        raise RuntimeError(f"the archive of ticket {ticket} was not changed")


def unarchive(database: Database, ticket: str) -> None:
    database.support_history.delete_one({"_id": first_archive(database, ticket)["_id"]})


def first_archive(database: Database, ticket: str) -> dict:
    stored = database.support_history.find_one({"ticket": ticket}, sort=[("first_sequence", 1)])
    if stored is None:
        raise RuntimeError(f"ticket {ticket} has no archive")
    return stored


COMMANDS: dict[str, Callable[..., None]] = {
    function.__name__: function for function in (dump, count, receipts, expire, tamper, archive, unarchive)
}


def main() -> None:
    port, name, command, *arguments = sys.argv[1:]
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with MongoClient(uri, serverSelectionTimeoutMS=TIMEOUT_MS, tz_aware=True) as client:
        COMMANDS[command](client[name], *arguments)


if __name__ == "__main__":
    main()
