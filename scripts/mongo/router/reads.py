"""Reads that the router mongod does not know: count, distinct, and those of transactions."""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from mongo.router import raw
from mongo.router.errors import CommandError, checked, is_stale
from mongo.router.raw import Document
from mongo.router.servers import Servers, without_clients_part
from mongo.router.targeting import Placement, key_of_filter
from mongo.router.transactions import Transaction
from mongo.router.wire import Message, command
from mongo.router.writes import Stale, retried


def ask_shards(
    servers: Servers, message: Message, transaction: Transaction | None = None, query: bytes | None = None
) -> dict[str, Document]:
    """Sends a read to the shards that have a part of its collection, or only to the one that `query` names."""
    own = ("startTransaction", "readConcern") if transaction else ()
    common = {name: element for name, element in without_clients_part(message.body).items() if name not in own}

    def attempt(placement: Placement) -> dict[str, Document]:
        shards = placement.shards if query is None else placement.owners(query, key_of_filter)
        requests = {}
        for shard in shards:
            extra = transaction.elements(shard) if transaction else {}
            requests[shard] = Message({**common, **placement.versions(shard), **extra})
        replies = servers.run_all(requests)
        for reply in replies.values():
            if is_stale(reply):
                raise Stale(reply)
        for reply in replies.values():
            checked(reply)
        return replies

    return retried(servers, message, attempt, creates=False, transaction=transaction)


def is_absent(servers: Servers, message: Message) -> bool:
    return servers.database(message.database) is None


def count(servers: Servers, message: Message) -> Document:
    if is_absent(servers, message):
        return dict(n=0, ok=1.0)
    skip, limit = message.get("skip", 0), message.get("limit", 0)
    body = {name: element for name, element in message.body.items() if name not in ("skip", "limit")}
    if limit:
        body["limit"] = raw.element("limit", Int64(abs(limit) + skip))
    total = max(0, sum(reply["n"] for reply in ask_shards(servers, Message(body)).values()) - skip)
    return dict(n=min(total, abs(limit)) if limit else total, ok=1.0)


def distinct(servers: Servers, message: Message) -> Document:
    if is_absent(servers, message):
        return dict(values=[], ok=1.0)
    values: dict[raw.Value, Any] = {}
    for reply in ask_shards(servers, message).values():
        for value in reply["values"]:
            values.setdefault(raw.value_of(value), value)
    return dict(values=list(values.values()), ok=1.0)


# Reads of transactions


def find(servers: Servers, message: Message, transaction: Transaction) -> Document:
    if is_absent(servers, message):
        return no_documents(message)
    query = raw.element_document(message.body.get("filter"))
    replies = ask_shards(servers, message, transaction, query)
    if len(replies) == 1:
        return kept_open(servers, replies)
    if "sort" in message.body or "skip" in message.body:
        text = "test router: a find over several shards in a transaction takes neither sort nor skip"
        raise CommandError(115, text, "CommandNotSupported")
    documents = []
    for shard, reply in replies.items():
        documents += drained(servers, shard, reply, transaction)
    limit = abs(message.get("limit", 0))
    cursor = dict(firstBatch=documents[:limit] if limit else documents, id=Int64(0), ns=namespace(message))
    return dict(cursor=cursor, ok=1.0)


def aggregate(servers: Servers, message: Message, transaction: Transaction) -> Document:
    if is_absent(servers, message):
        return no_documents(message)
    stages = message.documents("pipeline")
    match = raw.find(stages[0], b"$match") if stages else None
    query = stages[0][match.value : match.end] if match else raw.EMPTY
    replies = ask_shards(servers, message, transaction, query)
    if len(replies) > 1:
        text = "test router: an aggregation over several shards in a transaction is not supported"
        raise CommandError(115, text, "CommandNotSupported")
    return kept_open(servers, replies)


def namespace(message: Message) -> str:
    return f"{message.database}.{message.get(message.name)}"


def no_documents(message: Message) -> Document:
    return dict(cursor=dict(firstBatch=[], id=Int64(0), ns=namespace(message)), ok=1.0)


def kept_open(servers: Servers, replies: dict[str, Document]) -> Document:
    """The answer of the one server that was asked; what comes of its cursor later is asked of it."""
    ((server, reply),) = replies.items()
    cursor = reply.get("cursor", {}).get("id")
    if cursor:
        servers.shared.cursors[int(cursor)] = server
    return reply


def drained(servers: Servers, shard: str, reply: Document, transaction: Transaction) -> list[Document]:
    """All documents of a cursor."""
    documents = list(reply["cursor"]["firstBatch"])
    database, _, collection = reply["cursor"]["ns"].partition(".")
    while reply["cursor"]["id"]:
        more = command(database, {"getMore": Int64(reply["cursor"]["id"]), "collection": collection})
        more.body.update(transaction.identity)
        reply = checked(raw.decode(servers.ask(shard, more)))
        documents += reply["cursor"]["nextBatch"]
    return documents


def get_more(servers: Servers, message: Message) -> bytearray | None:
    """Continues a cursor that is not the router mongod's; None for one that is."""
    cursor = int(message.get("getMore"))
    server = servers.shared.cursors.get(cursor)
    if server is None:
        return None
    reply = servers.ask(server, Message(without_clients_part(message.body)))
    if not raw.decode(reply).get("cursor", {}).get("id"):
        servers.shared.cursors.pop(cursor, None)
    return reply


def kill_cursors(servers: Servers, message: Message) -> Document:
    """Ends cursors of shards; those of the router mongod stay until they are read to their end, or ten minutes old."""
    cursors = message.get("cursors")
    for cursor in cursors:
        server = servers.shared.cursors.pop(int(cursor), None)
        if server:
            fields = {"killCursors": message.get("killCursors"), "cursors": [cursor]}
            servers.run(server, message.database, fields)
    return dict(cursorsKilled=cursors, cursorsNotFound=[], cursorsAlive=[], cursorsUnknown=[], ok=1.0)
