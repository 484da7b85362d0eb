"""The routing table: which shard has which chunk of which collection, as the config server last said."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from mongo.router import raw
from mongo.router.errors import CommandError
from mongo.router.hashing import Position, hashed, position
from mongo.router.raw import Document, Value

CONFIG_SERVER = "config"
"""What stands for the config server where a shard is named; it holds the databases "admin" and "config"."""
OWN_DATABASES = ("admin", "config")

NO_TIME = Timestamp(0, 0)
UNSHARDED: Document = dict(e=ObjectId("0" * 24), t=NO_TIME, v=NO_TIME)

Read = Callable[[str, dict[str, Any]], list[Document]]
"""Reads a collection of the database "config", given its name and further fields of the find command."""


@dataclass
class Collection:
    """A sharded collection and its chunks, in the order of the shard key."""

    namespace: str
    pattern: Document
    epoch: ObjectId
    timestamp: Timestamp
    starts: list[tuple[Position, ...]] = field(default_factory=list)
    chunks: list[Document] = field(default_factory=list)
    newest: dict[str, Timestamp] = field(default_factory=dict)
    """The version of each shard that has chunks: that of its newest one."""

    def add(self, chunk: Document) -> None:
        self.starts.append(self.bound(chunk["min"]))
        self.chunks.append(chunk)
        version = chunk["lastmod"]
        self.newest[chunk["shard"]] = max(version, self.newest.get(chunk["shard"], NO_TIME))

    def bound(self, bound: Document) -> tuple[Position, ...]:
        """The place of the end of a chunk, where hashes are hashes already."""
        return tuple(position(raw.value_of(bound[name])) for name in self.pattern)

    def place(self, values: list[Value]) -> tuple[Position, ...]:
        """The place of a document, given the values of its shard key."""
        kinds = self.pattern.values()
        return tuple(
            position(raw.value_of(hashed(value)) if kind == "hashed" else value) for value, kind in zip(values, kinds)
        )

    def chunk_at(self, place: tuple[Position, ...]) -> Document:
        return self.chunks[bisect_right(self.starts, place) - 1]

    def owner(self, values: list[Value]) -> str:
        return str(self.chunk_at(self.place(values))["shard"])

    @property
    def shards(self) -> list[str]:
        return sorted(self.newest)

    def version(self, shard: str) -> Document:
        """What a shard compares with its own version before it runs a command."""
        return dict(e=self.epoch, t=self.timestamp, v=self.newest.get(shard, NO_TIME))


class Catalog:
    """The part of the metadata that was needed so far; all connections share it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.collections: dict[str, Collection | None] = {}
        self.databases: dict[str, Document] = {}
        self.shards: dict[str, int] = {}

    def collection(self, namespace: str, read: Read) -> Collection | None:
        """The chunks of a collection; None for one that is not sharded."""
        with self.lock:
            if namespace not in self.collections:
                self.collections[namespace] = self.read_collection(namespace, read)
            return self.collections[namespace]

    def read_collection(self, namespace: str, read: Read) -> Collection | None:
        if namespace.split(".")[0] in OWN_DATABASES:
            return None
        for entry in read("collections", {"filter": {"_id": namespace}}):
            collection = Collection(namespace, entry["key"], entry["lastmodEpoch"], entry["timestamp"])
            for chunk in read("chunks", {"filter": {"uuid": entry["uuid"]}, "sort": {"min": 1}}):
                collection.add(chunk)
            if collection.chunks:
                return collection
        return None

    def database(self, name: str, read: Read) -> Document | None:
        """The primary shard and the version of a database; None for one that does not exist."""
        if name in OWN_DATABASES:
            return dict(_id=name, primary=CONFIG_SERVER)
        with self.lock:
            if name not in self.databases:
                for entry in read("databases", {"filter": {"_id": name}}):
                    self.databases[name] = entry
            return self.databases.get(name)

    def port(self, shard: str, read: Read) -> int:
        with self.lock:
            if shard not in self.shards:
                # "name/host:port"
                hosts = {entry["_id"]: entry["host"] for entry in read("shards", {"filter": {}})}
                self.shards = {name: int(host.rpartition(":")[2]) for name, host in hosts.items()}
            if shard not in self.shards:
                raise CommandError(70, f"Shard {shard} not found", "ShardNotFound")
            return self.shards[shard]

    def forget(self, namespace: str) -> None:
        """Lets the next use read anew where a collection, and what is in its database, is."""
        with self.lock:
            self.collections.pop(namespace, None)
            self.databases.pop(namespace.split(".")[0], None)

    def forget_database(self, name: str) -> None:
        with self.lock:
            self.collections = {key: value for key, value in self.collections.items() if not key.startswith(name + ".")}
            self.databases.pop(name, None)

    def forget_all(self) -> None:
        with self.lock:
            self.collections.clear()
            self.databases.clear()
            self.shards.clear()
