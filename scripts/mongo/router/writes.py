"""Writes that are sent to the owning shards here: retryable ones, those of transactions, and findAndModify."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar


from mongo.router import raw
from mongo.router.catalog import Collection
from mongo.router.errors import STALE_CODES, CommandError, Refused, is_stale
from mongo.router.raw import Bytes, Document, Value
from mongo.router.servers import Servers, without_clients_part
from mongo.router.targeting import Placement, key_of_change, key_of_document, key_of_filter
from mongo.router.wire import Message

if TYPE_CHECKING:
    from mongo.router.transactions import Transaction

STALE_DEADLINE_S = 20.0
STALE_PAUSE_S = 0.01

Result = TypeVar("Result")
Batch = dict[str, list[int]]
"""The statements, by their index, that each shard gets in one round."""

STATEMENTS: dict[str, tuple[str, Callable[[Bytes, Collection], list[Value] | None]]] = {
    "insert": ("documents", key_of_document),
    "update": ("updates", key_of_change),
    "delete": ("deletes", key_of_change),
}


class Stale(Exception):
    """A shard knows a newer routing table than the one that a command went by."""

    def __init__(self, reply: Document) -> None:
        super().__init__()
        self.reply = reply


def retried(
    servers: Servers,
    message: Message,
    attempt: Callable[[Placement], Result],
    creates: bool,
    transaction: Transaction | None = None,
) -> Result:
    """Tries with the routing table as it is known, and, as long as that is stale, again with a newer one.

    `creates` says that a database which does not exist is to be made.
    """
    deadline = time.monotonic() + STALE_DEADLINE_S
    pause = 0.0
    while True:
        placement = Placement.of(servers, message, creates)
        try:
            return attempt(placement)
        except Stale as stale:
            servers.shared.catalog.forget(f"{message.database}.{message.get(message.name)}")
            if transaction:
                transaction.restart_statement(servers, stale.reply)
            if time.monotonic() > deadline:
                raise Refused(stale.reply) from stale
        # A migration that is just being committed takes a moment.
        time.sleep(pause)
        pause = min(pause + STALE_PAUSE_S, 0.1)


class BulkWrite:
    """An insert, update or delete of many statements, and what became of each of them."""

    def __init__(self, servers: Servers, message: Message, transaction: Transaction | None) -> None:
        self.servers = servers
        self.message = message
        self.transaction = transaction
        self.field, self.key = STATEMENTS[message.name]
        self.statements = message.documents(self.field)
        self.is_ordered = bool(message.get("ordered", True))
        self.is_retryable = "txnNumber" in message.body and transaction is None
        first = message.get("stmtId", 0)
        self.statement_ids = message.get("stmtIds") or list(range(first, first + len(self.statements)))
        own = (self.field, "stmtId", "stmtIds", "startTransaction", "readConcern")
        self.common = {name: e for name, e in without_clients_part(message.body).items() if name not in own}
        self.reset()

    def reset(self) -> None:
        self.pending = list(range(len(self.statements)))
        self.reply: Document = dict(n=0)
        self.errors: dict[int, Document] = {}
        self.upserted: list[Document] = []
        self.retried_ids: list[int] = []

    def run(self) -> Document:
        retried(self.servers, self.message, self.attempt, self.message.name != "delete", self.transaction)
        if self.errors:
            self.reply["writeErrors"] = [self.errors[index] for index in sorted(self.errors)]
        if self.upserted:
            self.reply["upserted"] = sorted(self.upserted, key=lambda entry: entry["index"])
        if self.retried_ids:
            self.reply["retriedStmtIds"] = self.retried_ids
        self.reply["ok"] = 1.0
        return self.reply

    def attempt(self, placement: Placement) -> None:
        if self.transaction:
            # What an earlier attempt has done was aborted.
            self.reset()
        for batch in self.batches(placement):
            requests = {shard: self.request(placement, shard, indexes) for shard, indexes in batch.items()}
            stale = self.take(batch, self.servers.run_all(requests))
            if stale:
                raise Stale(stale)
            if not self.pending:
                return

    def batches(self, placement: Placement) -> Iterator[Batch]:
        """What is still to do: all at once, or, in an ordered command, cut wherever the shard changes."""
        batch: Batch = {}
        for index in list(self.pending):
            owners = placement.owners(self.statements[index], self.key)
            if self.is_ordered and batch and (len(owners) > 1 or list(batch) != owners):
                yield batch
                batch = {}
            for shard in owners:
                batch.setdefault(shard, []).append(index)
        if batch:
            yield batch

    def request(self, placement: Placement, shard: str, indexes: list[int]) -> Message:
        body = {**self.common, **placement.versions(shard)}
        if self.is_retryable:
            body["stmtIds"] = raw.element("stmtIds", [self.statement_ids[index] for index in indexes])
        if self.transaction:
            body.update(self.transaction.elements(shard))
        return Message(body, {self.field: [self.statements[index] for index in indexes]})

    def take(self, batch: Batch, replies: dict[str, Document]) -> Document | None:
        """Notes what was done; returns what a shard said that refused because of a stale routing table."""
        stale = None
        undone: set[int] = set()
        for shard, reply in replies.items():
            indexes = batch[shard]
            if not reply.get("ok"):
                if not is_stale(reply):
                    raise Refused(reply)
                stale = reply
                undone.update(indexes)
                continue
            errors = {indexes[error["index"]]: error for error in reply.get("writeErrors", [])}
            refused = [index for index, error in errors.items() if error["code"] in STALE_CODES]
            if refused:
                stale = dict(ok=0.0, errmsg=errors[refused[0]]["errmsg"], code=13388, codeName="StaleConfig")
                undone.update(indexes[indexes.index(refused[0]) :] if self.is_ordered else refused)
            self.add(reply, indexes, {index: error for index, error in errors.items() if index not in refused})
        done = {index for indexes in batch.values() for index in indexes} - undone
        self.pending = [index for index in self.pending if index not in done]
        if self.is_ordered and self.errors:
            self.pending = []
            return None
        return stale

    def add(self, reply: Document, indexes: list[int], errors: dict[int, Document]) -> None:
        """Adds the answer of one shard; its indexes become those of the whole command."""
        for index, error in errors.items():
            error["index"] = index
            self.errors[index] = error
        for entry in reply.get("upserted", []):
            entry["index"] = indexes[entry["index"]]
            self.upserted.append(entry)
        self.retried_ids += reply.get("retriedStmtIds", [])
        self.reply["n"] += reply["n"]
        if "nModified" in reply:
            self.reply["nModified"] = self.reply.get("nModified", 0) + reply["nModified"]
        if "writeConcernError" in reply:
            self.reply["writeConcernError"] = reply["writeConcernError"]
        if "operationTime" in reply:
            times = [reply["operationTime"], self.reply.get("operationTime", reply["operationTime"])]
            self.reply["operationTime"] = max(times)


def find_and_modify(servers: Servers, message: Message, transaction: Transaction | None) -> Document:
    """Changes or removes one document, on the one shard that its query names."""
    query = raw.element_document(message.body.get("query"))
    own = ("startTransaction", "readConcern")
    common = {name: element for name, element in without_clients_part(message.body).items() if name not in own}

    def attempt(placement: Placement) -> Document:
        owners = placement.owners(query, key_of_filter)
        if len(owners) != 1:
            raise CommandError(61, "Query for sharded findAndModify must contain the shard key", "ShardKeyNotFound")
        body = {**common, **placement.versions(owners[0])}
        if transaction:
            body.update(transaction.elements(owners[0]))
        reply = raw.decode(servers.ask(owners[0], Message(body)))
        if is_stale(reply):
            raise Stale(reply)
        return reply

    return retried(servers, message, attempt, creates=True, transaction=transaction)
