"""Which shards a command goes to, and the versions that it carries there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


from mongo.router import raw
from mongo.router.catalog import UNSHARDED, Collection
from mongo.router.errors import CommandError
from mongo.router.raw import Bytes, Document, Value
from mongo.router.servers import Servers
from mongo.router.wire import Message

NULL = Value(0x0A, b"")


@dataclass
class Placement:
    """Where a collection is, in one state of the routing table."""

    collection: Collection | None
    database: Document

    @classmethod
    def of(cls, servers: Servers, message: Message, creates: bool) -> Placement:
        """The placement of the collection that a command names; `creates` makes its database where there is none."""
        name = message.database
        database = servers.database_made(name) if creates else servers.database(name)
        if database is None:
            raise CommandError(26, f"database {name} does not exist", "NamespaceNotFound")
        return cls(servers.collection(f"{name}.{message.get(message.name)}"), database)

    @property
    def shards(self) -> list[str]:
        """All that have a part of it."""
        return self.collection.shards if self.collection else [self.database["primary"]]

    def versions(self, shard: str) -> dict[str, bytes]:
        """What makes a shard refuse a command that went by an old routing table."""
        if self.collection:
            return {"shardVersion": raw.element("shardVersion", self.collection.version(shard))}
        if "version" not in self.database:
            return {}
        return {
            "shardVersion": raw.element("shardVersion", UNSHARDED),
            "databaseVersion": raw.element("databaseVersion", self.database["version"]),
        }

    def owners(self, statement: Bytes, key: Callable[[Bytes, Collection], list[Value] | None]) -> list[str]:
        """The shard that a statement is for; all of them where it does not say which."""
        if not self.collection:
            return [self.database["primary"]]
        values = key(statement, self.collection)
        return self.collection.shards if values is None else [self.collection.owner(values)]


# Shard keys in documents and filters, which are walked as bytes: most of a statement is of no interest here.


def key_of_document(document: Bytes, collection: Collection, start: int = 0) -> list[Value]:
    """The shard key of a document; a field that it lacks counts as null."""
    values = []
    for name in collection.pattern:
        field = nested(document, name, start)
        values.append(raw.value_at(document, field) if field else NULL)
    return values


def key_of_filter(document: Bytes, collection: Collection, start: int = 0) -> list[Value] | None:
    """The shard key that a filter asks for by equality; None where it does not."""
    values = []
    for name in collection.pattern:
        field = raw.find(document, name.encode(), start)
        value = equality(document, field) if field else None
        if value is None:
            return None
        values.append(value)
    return values


def equality(document: Bytes, field: raw.Field) -> Value | None:
    """The value of {name: value} and of {name: {$eq: value}}."""
    if field.type == raw.DOCUMENT:
        operators = list(raw.fields(document, field.value))
        if operators and not operators[0].name.startswith(b"$"):
            return raw.value_at(document, field)
        if len(operators) != 1 or operators[0].name != b"$eq":
            return None
        return raw.value_at(document, operators[0])
    return None if field.type == raw.REGULAR_EXPRESSION else raw.value_at(document, field)


def nested(document: Bytes, path: str, start: int) -> raw.Field | None:
    """The field of a dotted path."""
    field: raw.Field | None = None
    for name in path.split("."):
        if field is not None:
            if field.type != raw.DOCUMENT:
                return None
            start = field.value
        field = raw.find(document, name.encode(), start)
        if field is None:
            return None
    return field


def key_of_change(statement: Bytes, collection: Collection) -> list[Value] | None:
    """The shard key of an update {q, u, ...} or delete {q, ...}; None for one that is meant for all shards."""
    query = raw.find(statement, b"q")
    values = key_of_filter(statement, collection, query.value) if query else None
    if values is None and not changes_many(statement):
        key = ", ".join(collection.pattern)
        text = f"test router: a retryable update or delete of one document needs the shard key {key}"
        raise CommandError(61, text, "ShardKeyNotFound")
    return values


def changes_many(statement: Bytes) -> bool:
    multi, limit = raw.find(statement, b"multi"), raw.find(statement, b"limit")
    if multi:
        return statement[multi.value] != 0
    return limit is not None and not any(statement[limit.value : limit.end])
