"""What the tests of the router share: a cluster of their own, and a database for each test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import uuid
from pathlib import Path
from typing import Any, ClassVar

from bson.min_key import MinKey
from pymongo import MongoClient

from mongo.router import raw, wire
from mongo.router.raw import Document

SCRIPT = str(Path(__file__).resolve().parent.parent / "local-mongo")
MAJORITY = {"w": "majority", "wtimeout": 60_000}
USES_TEST_ROUTER = not os.environ.get("MONGOS")

Client = MongoClient[dict[str, Any]]


class Cluster:
    """A sharded cluster in a temporary folder, which ends with this process."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="tapedesk-router-")
        self.options = ["--sharded", "--folder", self.folder]
        self.script("up", "--watch-pid", str(os.getpid()))
        status = json.loads(self.script("status", "--json"))
        self.uri: str = status["uri"]
        self.ports = {process["name"]: process["port"] for process in status["processes"]}
        self.client = self.connect()
        self.config = self.direct("config")
        self.shards = {name: self.direct(name) for name in ("shard1", "shard2")}

    def script(self, *words: str) -> str:
        result = subprocess.run(
            [sys.executable, SCRIPT, words[0], *self.options, *words[1:]], stdout=subprocess.PIPE, text=True, check=True
        )
        return result.stdout

    def pid(self, name: str) -> int:
        status = json.loads(self.script("status", "--json"))
        return next(int(process["pid"]) for process in status["processes"] if process["name"] == name)

    def connect(self) -> Client:
        return MongoClient(self.uri, serverSelectionTimeoutMS=10_000)

    def direct(self, name: str) -> Client:
        return MongoClient("127.0.0.1", self.ports[name], directConnection=True)

    def exchange(self, database: str, command: Document) -> Document:
        """Sends a command as it is: a driver would put a session of its own into it."""
        connection = wire.Connection.to_port(int(self.uri.rpartition(":")[2].strip("/")))
        try:
            connection.send_message(wire.command(database, command))
            return raw.decode(connection.receive_reply())
        finally:
            connection.close()

    def stop(self) -> None:
        for client in (self.client, self.config, *self.shards.values()):
            client.close()
        self.script("wipe")
        shutil.rmtree(self.folder)


class RouterTest(unittest.TestCase):
    """A database of its own, with a collection that is sharded by the hash of its symbol: two chunks on each shard."""

    cluster: ClassVar[Cluster]
    """The one of all tests of a module."""

    def setUp(self) -> None:
        self.client = self.cluster.client
        self.name = f"test_{uuid.uuid4().hex[:12]}"
        self.database = self.client[self.name]
        self.admin = self.client.admin
        self.admin.command("enableSharding", self.name, primaryShard="shard1")
        self.prices = self.sharded("prices", {"symbol": "hashed"}, numInitialChunks=4)

    def tearDown(self) -> None:
        self.client.drop_database(self.name)

    def sharded(self, name: str, key: dict[str, Any], **options: Any) -> Any:
        self.admin.command("shardCollection", f"{self.name}.{name}", key=key, **options)
        return self.database[name]

    def chunks(self, name: str) -> list[dict[str, Any]]:
        """As the config server has them."""
        entry = self.cluster.config.config.collections.find_one({"_id": f"{self.name}.{name}"})
        assert entry
        return list(self.cluster.config.config.chunks.find({"uuid": entry["uuid"]}).sort("min", 1))

    def move(self, name: str, chunk: dict[str, Any], to: str) -> None:
        """Moves a chunk past the router, whose routing table is stale then."""
        self.cluster.config.admin.command(
            {
                "_configsvrMoveRange": f"{self.name}.{name}",
                "min": chunk["min"],
                "max": chunk["max"],
                "toShard": to,
                "waitForDelete": True,
                "writeConcern": MAJORITY,
            }
        )

    def move_all(self, name: str, to: str) -> None:
        for chunk in self.chunks(name):
            if chunk["shard"] != to:
                self.move(name, chunk, to)

    def counts(self, name: str) -> dict[str, int]:
        """What each shard has by itself, asked past the router."""
        return {shard: len(list(client[self.name][name].find({}))) for shard, client in self.cluster.shards.items()}

    def symbols_by_shard(self, count: int) -> dict[str, list[str]]:
        """Symbols that live on each shard; found out by the server's hash."""
        found: dict[str, list[str]] = {"shard1": [], "shard2": []}
        chunks = self.chunks("prices")
        for number in range(200):
            symbol = f"VENUE:S{number}"
            answer = self.cluster.shards["shard1"].admin.command("_hashBSONElement", symbol, seed=0)
            owner = next(chunk["shard"] for chunk in reversed(chunks) if self.is_at_or_after(answer["out"], chunk))
            found[owner].append(symbol)
        return {shard: symbols[:count] for shard, symbols in found.items()}

    @staticmethod
    def is_at_or_after(value: int, chunk: dict[str, Any]) -> bool:
        start = chunk["min"]["symbol"]
        return isinstance(start, MinKey) or value >= start


def prices(symbols: list[str]) -> list[dict[str, Any]]:
    return [{"_id": f"{symbol}-1", "symbol": symbol, "version": 1} for symbol in symbols]


def same_document(document: dict[str, Any]) -> dict[str, Any]:
    return {"_id": document["_id"], "symbol": document["symbol"], "version": document["version"]}


def start_cluster() -> None:
    """For setUpModule. The balancer is off: chunks move when a test says so."""
    RouterTest.cluster = Cluster()
    RouterTest.cluster.client.admin.command("balancerStop")


def stop_cluster() -> None:
    """For tearDownModule."""
    RouterTest.cluster.stop()
