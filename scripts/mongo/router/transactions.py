"""Transactions: which shards take part, and how they end together.

The first shard that takes part is the coordinator. A transaction on one shard is committed there; one on several is
committed by the coordinator, with the server's own two-phase commit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


from mongo.router import raw
from mongo.router.errors import (
    HOST_UNREACHABLE,
    RETRYABLE_WRITE,
    TRANSIENT_TRANSACTION,
    CommandError,
    Refused,
)
from mongo.router.raw import Document
from mongo.router.servers import Servers, Shared, without_clients_part
from mongo.router.wire import Message


class Transaction:
    """A transaction that a client has started, as the router sees it."""

    def __init__(self, shared: Shared, message: Message) -> None:
        self.number = int(message.get("txnNumber"))
        self.identity = {name: message.body[name] for name in ("lsid", "txnNumber", "autocommit")}
        self.participants: list[str] = []
        self.completed_statements = 0
        self.has_ended = False
        self.read_concern = read_concern(shared, message)

    def elements(self, shard: str) -> dict[str, bytes]:
        """What a command of the transaction carries to a shard; from now on the shard takes part."""
        if shard in self.participants:
            return {}
        elements = {"startTransaction": raw.element("startTransaction", True)}
        if not self.participants:
            elements["coordinator"] = raw.element("coordinator", True)
        if self.read_concern:
            elements["readConcern"] = self.read_concern
        self.participants.append(shard)
        return elements

    def restart_statement(self, servers: Servers, reply: Document) -> None:
        """Lets a statement that met a stale routing table begin again, if nothing came before it.

        Raises `Refused` if something did, with the label that lets the client begin the whole transaction again.
        """
        self.abort(servers)
        if self.completed_statements:
            self.has_ended = True
            raise Refused(dict([*reply.items(), ("errorLabels", [TRANSIENT_TRANSACTION])]))
        self.participants = []

    def abort(self, servers: Servers) -> None:
        """Ends what any shard has of it; a shard that cannot be reached ends it by itself after a minute."""
        for shard in self.participants:
            try:
                servers.ask(shard, self.message({"abortTransaction": 1}))
            except CommandError:
                continue

    def message(self, fields: dict[str, Any], others: dict[str, bytes] | None = None) -> Message:
        """A command about the transaction itself."""
        body = {name: raw.element(name, value) for name, value in fields.items()}
        return Message({**body, **(others or {}), **self.identity, "$db": raw.element("$db", "admin")})

    @property
    def recovery_token(self) -> Document:
        """Lets a commit be found out about that outlived the router."""
        return dict(recoveryShardId=self.participants[0])


def read_concern(shared: Shared, message: Message) -> bytes | None:
    """The read concern of the first statement; a snapshot is one and the same time on all shards."""
    concern = message.get("readConcern")
    if concern and concern.get("level") == "snapshot" and "atClusterTime" not in concern:
        concern = dict(level="snapshot", atClusterTime=shared.clock.newest)
    return raw.element("readConcern", concern) if concern else None


def session_id(message: Message) -> bytes:
    return bytes(message.get("lsid")["id"])


def current(shared: Shared, message: Message) -> Transaction:
    """The transaction that a statement belongs to."""
    key, number = session_id(message), int(message.get("txnNumber"))
    if message.get("startTransaction"):
        shared.transactions[key] = Transaction(shared, message)
    found: Transaction | None = shared.transactions.get(key)
    if found is None or found.number != number or found.has_ended:
        no_such_transaction(number, (TRANSIENT_TRANSACTION,))
    return found


def no_such_transaction(number: int, labels: tuple[str, ...] = ()) -> NoReturn:
    raise CommandError(251, f"transaction {number} is not in progress", "NoSuchTransaction", labels)


def run_statement(
    servers: Servers, message: Message, run: Callable[[Transaction], Document]
) -> Document:
    """Runs a statement; an error ends the transaction on all shards, as mongos does it."""
    transaction = current(servers.shared, message)
    try:
        reply = run(transaction)
    except Refused:
        give_up(servers, transaction)
        raise
    except CommandError as error:
        give_up(servers, transaction)
        if error.code == HOST_UNREACHABLE:
            error.labels = (TRANSIENT_TRANSACTION,)
        raise
    if not reply.get("ok") or reply.get("writeErrors"):
        give_up(servers, transaction)
    else:
        transaction.completed_statements += 1
        if transaction.participants:
            reply["recoveryToken"] = transaction.recovery_token
    return reply


def give_up(servers: Servers, transaction: Transaction) -> None:
    if not transaction.has_ended:
        transaction.has_ended = True
        transaction.abort(servers)


def commit(servers: Servers, message: Message) -> Document:
    """Commits; asked once more, it tells what became of the first time."""
    transaction: Transaction | None = servers.shared.transactions.get(session_id(message))
    number = int(message.get("txnNumber"))
    if transaction is None or transaction.number != number:
        return recover(servers, message, number)
    if transaction.has_ended:
        no_such_transaction(number, (TRANSIENT_TRANSACTION,))
    participants = transaction.participants
    if not participants:
        return dict(ok=1.0)
    if len(participants) == 1:
        return ask_to_commit(servers, participants[0], Message(without_clients_part(message.body)))
    return ask_to_commit(servers, participants[0], coordination(message, participants))


def recover(servers: Servers, message: Message, number: int) -> Document:
    """Asks a shard what became of a transaction that this router knows nothing about."""
    token = message.get("recoveryToken")
    if not token or "recoveryShardId" not in token:
        no_such_transaction(number)
    return ask_to_commit(servers, token["recoveryShardId"], coordination(message, []))


def coordination(message: Message, participants: list[str]) -> Message:
    """The command to the coordinator; without participants it asks for the decision that was made."""
    rest = {name: e for name, e in without_clients_part(message.body).items() if name != "commitTransaction"}
    shards = [dict(shardId=shard) for shard in participants]
    head = {"coordinateCommitTransaction": 1, "participants": shards}
    return Message({**{name: raw.element(name, value) for name, value in head.items()}, **rest})


def ask_to_commit(servers: Servers, shard: str, message: Message) -> Document:
    try:
        return raw.decode(servers.ask(shard, message))
    except CommandError as error:
        error.labels = (RETRYABLE_WRITE,)
        raise


def abort(servers: Servers, message: Message) -> Document:
    transaction: Transaction | None = servers.shared.transactions.get(session_id(message))
    number = int(message.get("txnNumber"))
    if transaction is None or transaction.number != number or transaction.has_ended:
        no_such_transaction(number)
    transaction.has_ended = True
    transaction.abort(servers)
    return dict(ok=1.0)
