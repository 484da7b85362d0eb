#!/usr/bin/env python3
"""Tests of the sharded topology and its router, against a cluster of their own in a temporary folder.

    $(scripts/local-mongo python) scripts/mongo/test_router.py              all of them
    $(scripts/local-mongo python) scripts/mongo/test_router.py Migrations   one class

What they show is "tested against a MongoDB 6.0 config server and two shards, real mongod processes and real chunk
migration, through a test router; not with mongos". With MONGOS in the environment they run against that mongos.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import bson
import pymongo
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.son import SON
from pymongo import DeleteOne, InsertOne, MongoClient, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, CursorNotFound, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

from mongo.router import hashing, raw, wire  # noqa: E402

SCRIPT = str(SCRIPTS / "local-mongo")
MAJORITY = {"w": "majority", "wtimeout": 60_000}
USES_TEST_ROUTER = not os.environ.get("MONGOS")

Client = MongoClient[dict[str, Any]]


class Cluster:
    """The cluster of all tests here."""

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

    def connect(self) -> Client:
        return MongoClient(self.uri, serverSelectionTimeoutMS=10_000)

    def direct(self, name: str) -> Client:
        return MongoClient("127.0.0.1", self.ports[name], directConnection=True)

    def exchange(self, database: str, command: SON[str, Any]) -> SON[str, Any]:
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


cluster: Cluster


def setUpModule() -> None:
    global cluster
    cluster = Cluster()
    cluster.client.admin.command("balancerStop")


def tearDownModule() -> None:
    cluster.stop()


class RouterTest(unittest.TestCase):
    """A database of its own, with a collection that is sharded by the hash of its symbol: two chunks on each shard."""

    def setUp(self) -> None:
        self.client = cluster.client
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
        entry = cluster.config.config.collections.find_one({"_id": f"{self.name}.{name}"})
        assert entry
        return list(cluster.config.config.chunks.find({"uuid": entry["uuid"]}).sort("min", 1))

    def move(self, name: str, chunk: dict[str, Any], to: str) -> None:
        """Moves a chunk past the router, whose routing table is stale then."""
        cluster.config.admin.command(
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
        return {shard: len(list(client[self.name][name].find({}))) for shard, client in cluster.shards.items()}

    def symbols_by_shard(self, count: int) -> dict[str, list[str]]:
        """Symbols that live on each shard; found out by the server's hash."""
        found: dict[str, list[str]] = {"shard1": [], "shard2": []}
        chunks = self.chunks("prices")
        for number in range(200):
            symbol = f"VENUE:S{number}"
            answer = cluster.shards["shard1"].admin.command("_hashBSONElement", symbol, seed=0)
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


class Hashing(unittest.TestCase):
    """The router's own hash and order against the server's."""

    VALUES: ClassVar[list[Any]] = [
        "", "BINANCE:BTCUSDT", "ü", 0, 1, -1, 7.9, -7.9, float("nan"), float("inf"), 1 << 40, Int64(-5), None, True,
        False, ObjectId(), datetime(2026, 1, 2, 3, 4, 5), datetime(1960, 1, 1), b"bytes", uuid.UUID(int=5).bytes,
        bson.Timestamp(5, 6), bson.Decimal128("12.5"), MinKey(), MaxKey(),
    ]  # fmt: skip

    def test_hash_is_the_servers(self) -> None:
        for value in self.VALUES:
            answer = cluster.shards["shard1"].admin.command("_hashBSONElement", value, seed=0)
            self.assertEqual(hashing.hashed(raw.value_of(value)), answer["out"], repr(value))

    def test_order_is_the_servers(self) -> None:
        client = cluster.shards["shard1"]
        documents = [{"_id": index, "value": value} for index, value in enumerate(self.VALUES)]
        answer = client.admin.aggregate([{"$documents": documents}, {"$sort": {"value": 1}}])
        servers = [hashing.position(raw.value_of(document["value"])) for document in answer]
        self.assertEqual(servers, sorted(servers))
        self.assertEqual(len(servers), len(self.VALUES))


class SingleDocuments(RouterTest):
    def test_changes_go_by_version(self) -> None:
        symbols = self.symbols_by_shard(3)
        for document in prices(symbols["shard1"] + symbols["shard2"]):
            self.prices.insert_one(document)
            changed = self.prices.find_one_and_update(
                same_document(document), {"$inc": {"version": 1}}, return_document=ReturnDocument.AFTER
            )
            self.assertEqual(changed["version"], 2)
            self.assertIsNone(self.prices.find_one_and_update(same_document(document), {"$inc": {"version": 1}}))
            with self.assertRaises(pymongo.errors.DuplicateKeyError):
                self.prices.insert_one(document)
        self.assertEqual(self.counts("prices"), {"shard1": 3, "shard2": 3})
        self.assertEqual(self.prices.update_one({"_id": "x", "symbol": "NEW"}, {"$set": {"a": 1}}, upsert=True).upserted_id, "x")
        self.assertEqual(self.prices.delete_one({"_id": "x", "symbol": "NEW"}).deleted_count, 1)

    def test_find_and_modify_needs_the_shard_key(self) -> None:
        with self.assertRaises(OperationFailure) as caught:
            self.prices.find_one_and_update({"_id": 1}, {"$set": {"a": 1}})
        self.assertEqual(caught.exception.code, 61)

    def test_unsharded_collections_are_on_the_primary_shard(self) -> None:
        self.database.counters.insert_one({"_id": "n", "value": 1})
        self.assertEqual(self.database.counters.find_one_and_update({"_id": "n"}, {"$inc": {"value": 1}})["value"], 1)
        self.assertEqual(self.counts("counters"), {"shard1": 1, "shard2": 0})
        self.assertEqual(self.database.counters.find_one({"_id": "n"}), {"_id": "n", "value": 2})

    def test_writes_that_are_not_retryable(self) -> None:
        self.prices.insert_many(prices([f"S{n}" for n in range(20)]))
        self.assertEqual(self.prices.update_many({}, {"$inc": {"version": 1}}).modified_count, 20)
        self.assertEqual(self.prices.delete_many({"version": 2}).deleted_count, 20)
        unacknowledged = self.prices.with_options(write_concern=WriteConcern(w=0))
        unacknowledged.insert_one({"_id": 1, "symbol": "A"})
        # The same connection answers in order, so what comes next is behind it.
        self.assertIsNotNone(self.prices.find_one({"_id": 1}))


class Bulks(RouterTest):
    def setUp(self) -> None:
        super().setUp()
        symbols = self.symbols_by_shard(10)
        # The shards alternate.
        self.documents = prices([symbol for pair in zip(symbols["shard1"], symbols["shard2"]) for symbol in pair])
        self.prices.insert_many(self.documents)

    def test_unordered_bulk_with_conflicts_inside(self) -> None:
        stale = {3, 4, 17}
        operations: list[Any] = []
        for index, document in enumerate(self.documents):
            filter = {**same_document(document), "version": 9 if index in stale else 1}
            operations.append(UpdateOne(filter, {"$inc": {"version": 1}}))
        result = self.prices.bulk_write(operations, ordered=False)
        self.assertEqual((result.matched_count, result.modified_count), (17, 17))
        versions = {document["_id"]: document["version"] for document in self.prices.find({})}
        expected = {each["_id"]: 1 if index in stale else 2 for index, each in enumerate(self.documents)}
        self.assertEqual(versions, expected)

    def test_indexes_of_errors_and_upserts_are_those_of_the_bulk(self) -> None:
        fresh = prices([f"NEW{n}" for n in range(20)])
        mixed = [self.documents[n] if n in (2, 7, 11) else fresh[n] for n in range(20)]
        with self.assertRaises(BulkWriteError) as caught:
            self.prices.bulk_write([InsertOne(document) for document in mixed], ordered=False)
        details = caught.exception.details or {}
        self.assertEqual([error["index"] for error in details["writeErrors"]], [2, 7, 11])
        self.assertEqual([error["op"]["_id"] for error in details["writeErrors"]], [mixed[n]["_id"] for n in (2, 7, 11)])
        self.assertEqual(details["nInserted"], 17)
        upserts = [UpdateOne({"_id": n, "symbol": f"U{n}"}, {"$set": {"a": 1}}, upsert=True) for n in range(12)]
        result = self.prices.bulk_write(upserts, ordered=False)
        self.assertEqual(result.upserted_ids, {n: n for n in range(12)})

    def test_ordered_bulk_ends_at_the_first_error(self) -> None:
        fresh = prices([f"NEW{n}" for n in range(20)])
        mixed = [self.documents[0] if n == 7 else fresh[n] for n in range(20)]
        with self.assertRaises(BulkWriteError) as caught:
            self.prices.insert_many(mixed)
        details = caught.exception.details or {}
        self.assertEqual(([error["index"] for error in details["writeErrors"]], details["nInserted"]), ([7], 7))
        present = {document["_id"] for document in self.prices.find({"symbol": {"$regex": "^NEW"}})}
        self.assertEqual(present, {document["_id"] for document in fresh[:7]})

    def test_deletes_and_other_kinds_in_one_bulk(self) -> None:
        operations = [DeleteOne(same_document(document)) for document in self.documents[:5]]
        inserts = [InsertOne(document) for document in prices(["A", "B"])]
        result = self.prices.bulk_write([*operations, *inserts], ordered=True)
        self.assertEqual((result.deleted_count, result.inserted_count), (5, 2))
        self.assertEqual(sum(self.counts("prices").values()), 17)

    def test_a_retried_command_is_executed_once(self) -> None:
        session = {"id": bson.Binary(uuid.uuid4().bytes, 4)}
        updates = [
            {"q": {"_id": each["_id"], "symbol": each["symbol"]}, "u": {"$inc": {"version": 1}}} for each in self.documents
        ]
        command = SON(update="prices", updates=updates, ordered=False, lsid=session, txnNumber=Int64(1))
        first = cluster.exchange(self.name, command)
        self.assertEqual((first["n"], first["nModified"]), (20, 20))
        # What a shard remembers of retryable writes has to move along with the chunks.
        self.move_all("prices", "shard2")
        second = cluster.exchange(self.name, command)
        self.assertEqual((second["n"], second["nModified"]), (20, 20))
        self.assertEqual(sorted(second["retriedStmtIds"]), list(range(20)))
        self.assertEqual({document["version"] for document in self.prices.find({})}, {2})


class Reads(RouterTest):
    def setUp(self) -> None:
        super().setUp()
        self.prices.insert_many({"_id": n, "symbol": f"S{n % 40}", "price": (n * 37) % 500} for n in range(500))

    def test_documents_are_on_both_shards(self) -> None:
        counts = self.counts("prices")
        self.assertEqual(sum(counts.values()), 500)
        self.assertTrue(all(count > 50 for count in counts.values()), counts)

    def test_cursors_go_on_over_both_shards(self) -> None:
        found = [document["price"] for document in self.prices.find({}, batch_size=7).sort("price", 1)]
        self.assertEqual(found, list(range(500)))
        self.assertEqual(len(list(self.prices.find({}))), 500)
        page = self.prices.find({"price": {"$gte": 100}}).sort("price", -1).skip(5).limit(10)
        self.assertEqual([document["price"] for document in page], list(range(494, 484, -1)))

    def test_filters(self) -> None:
        self.assertEqual(len(list(self.prices.find({"symbol": {"$in": ["S1", "S2", "S3"]}}))), 39)
        self.assertEqual(len(list(self.prices.find({"symbol": "S1", "_id": {"$gt": 241}}))), 6)
        self.assertEqual(len(list(self.prices.find({"_id": {"$gt": 10, "$lte": 20}}))), 10)

    def test_counts_and_groups(self) -> None:
        self.assertEqual(self.prices.count_documents({"symbol": {"$in": ["S1", "S2"]}}), 26)
        self.assertEqual(self.database.command("count", "prices", query={"price": {"$lt": 10}})["n"], 10)
        self.assertEqual(self.database.command("count", "prices", skip=480, limit=50)["n"], 20)
        self.assertEqual(self.database.command("count", "prices", limit=30)["n"], 30)
        self.assertEqual(sorted(self.prices.distinct("symbol")), sorted(f"S{n}" for n in range(40)))
        groups = list(self.prices.aggregate([{"$group": {"_id": "$symbol", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]))
        self.assertEqual((len(groups), groups[0]), (40, {"_id": "S0", "n": 13}))
        statistics = list(self.prices.aggregate([{"$collStats": {"storageStats": {}}}]))
        self.assertEqual(sum(each["storageStats"]["count"] for each in statistics), 500)
        self.assertEqual(len(statistics), 2)

    def test_statistics_of_nothing(self) -> None:
        with self.assertRaises(OperationFailure) as caught:
            list(self.database.nothing.aggregate([{"$collStats": {"storageStats": {}}}]))
        self.assertEqual(caught.exception.code, 26)

    def test_reads_as_of_a_time(self) -> None:
        moment = self.client[self.name].command("ping")["operationTime"]
        self.prices.update_many({}, {"$set": {"price": -1}})
        self.prices.delete_many({"_id": {"$lt": 100}})
        concern = {"level": "snapshot", "atClusterTime": moment}
        find = {"find": "prices", "filter": {}, "sort": {"price": 1}, "readConcern": concern, "batchSize": 1000}
        then = [document["price"] for document in self.database.command(find)["cursor"]["firstBatch"]]
        self.assertEqual(then, list(range(500)))
        pipeline = [{"$match": {"price": {"$gte": 0}}}, {"$group": {"_id": None, "n": {"$sum": 1}}}]
        aggregate = {"aggregate": "prices", "pipeline": pipeline, "cursor": {}, "readConcern": concern}
        self.assertEqual(self.database.command(aggregate)["cursor"]["firstBatch"], [{"_id": None, "n": 500}])
        self.assertEqual(self.prices.count_documents({"price": {"$gte": 0}}), 0)

    def test_a_time_that_another_client_was_told(self) -> None:
        for number in range(20):
            self.prices.update_one({"_id": 1, "symbol": "S1"}, {"$set": {"price": number}})
            with cluster.connect() as other:
                moment = other.admin.command("ping")["operationTime"]
            self.prices.update_one({"_id": 1, "symbol": "S1"}, {"$set": {"price": -1}})
            with cluster.connect() as other:
                concern = {"level": "snapshot", "atClusterTime": moment}
                find = {"find": "prices", "filter": {"_id": 1}, "readConcern": concern}
                found = other[self.name].command(find)["cursor"]["firstBatch"]
            self.assertEqual(found[0]["price"], number)

    def test_causal_sessions_see_their_own_writes(self) -> None:
        majority = self.prices.with_options(read_concern=ReadConcern("majority"))
        with self.client.start_session(causal_consistency=True) as session:
            for number in range(20):
                symbol = f"S{number}"
                self.prices.update_one({"_id": number, "symbol": symbol}, {"$set": {"price": -number}}, session=session)
                found = majority.find_one({"_id": number}, session=session)
                assert found
                self.assertEqual(found["price"], -number)

    def test_explain_names_shards_and_stages(self) -> None:
        plan = self.prices.find({"symbol": "S1"}).explain()["queryPlanner"]["winningPlan"]
        self.assertEqual(len(plan["shards"]), 1)
        plan = self.prices.find({"price": 1}).explain()["queryPlanner"]["winningPlan"]
        self.assertEqual({shard["shardName"] for shard in plan["shards"]}, {"shard1", "shard2"})

    def test_cursors_can_be_closed(self) -> None:
        cursor = self.prices.find({}, batch_size=5)
        next(cursor)
        cursor.close()
        with self.assertRaises(CursorNotFound):
            self.database.command("getMore", Int64(123456789), collection="prices")

    @unittest.skipUnless(USES_TEST_ROUTER, "mongos has change streams")
    def test_change_streams_are_refused(self) -> None:
        with self.assertRaises(OperationFailure) as caught:
            self.prices.watch()
        self.assertEqual(caught.exception.code, 115)


class Migrations(RouterTest):
    def test_every_kind_of_command_finds_moved_chunks(self) -> None:
        """Each command meets a routing table that was made stale past the router."""
        symbols = self.symbols_by_shard(5)
        documents = prices(symbols["shard1"] + symbols["shard2"])
        self.prices.insert_many(documents)
        first = documents[0]
        commands = {
            "find": lambda: len(list(self.prices.find({}))),
            "find one": lambda: len(list(self.prices.find({"symbol": first["symbol"]}))) * 10,
            "aggregate": lambda: self.prices.count_documents({}),
            "count": lambda: self.prices.estimated_document_count(),
            "distinct": lambda: len(self.prices.distinct("symbol")),
            "update many": lambda: self.prices.update_many({}, {"$inc": {"n": 1}}).modified_count,
            "bulk": lambda: self.prices.bulk_write(
                [UpdateOne(same_document(each), {"$inc": {"n": 1}}) for each in documents], ordered=False
            ).modified_count,
            "ordered bulk": lambda: self.prices.bulk_write(
                [UpdateOne(same_document(each), {"$inc": {"n": 1}}) for each in documents], ordered=True
            ).modified_count,
            "find and modify": lambda: sum(
                self.prices.find_one_and_update(same_document(each), {"$inc": {"n": 1}}) is not None for each in documents
            ),
            "indexes": lambda: 5 * len(self.prices.index_information()),
            "create index": lambda: self.prices.create_index("n") and 10,
        }
        for number, (name, run) in enumerate(commands.items()):
            self.move_all("prices", ("shard2", "shard1")[number % 2])
            self.assertEqual(run(), 10, name)
        self.assertEqual(sorted(self.counts("prices").values()), [0, 10])
        self.assertEqual({document["n"] for document in self.prices.find({})}, {4})

    def test_nothing_is_lost_while_chunks_move(self) -> None:
        stop = threading.Event()
        writers = [Writer(self.name, number, stop) for number in range(3)]
        reader = Reader(self.name, writers, stop)
        for thread in (*writers, reader):
            thread.start()
        try:
            for number in range(18):
                chunk = random.choice(self.chunks("prices"))
                to = "shard2" if chunk["shard"] == "shard1" else "shard1"
                if number % 2:
                    self.move("prices", chunk, to)
                else:
                    bounds = [chunk["min"], chunk["max"]]
                    self.admin.command("moveChunk", f"{self.name}.prices", bounds=bounds, to=to)
        finally:
            stop.set()
            for thread in (*writers, reader):
                thread.join()
        self.assertEqual([error for thread in (*writers, reader) for error in thread.errors], [])
        acknowledged = sum(writer.acknowledged for writer in writers)
        self.assertGreater(acknowledged, 300)
        self.assertGreater(reader.reads, 10)
        self.assertEqual(self.prices.count_documents({}), acknowledged)
        self.assertEqual(len({document["_id"] for document in self.prices.find({}, {"_id": 1})}), acknowledged)
        # Each was changed once, exactly, by its version.
        self.assertEqual(self.prices.count_documents({"version": 2, "changes": 1}), acknowledged)


class Writer(threading.Thread):
    """Inserts documents and changes each of them once, in bulks over both shards."""

    def __init__(self, database: str, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.database, self.number, self.stop = database, number, stop
        self.acknowledged = 0
        self.errors: list[str] = []

    def run(self) -> None:
        with cluster.connect() as client:
            collection = client[self.database].prices
            turn = 0
            while not self.stop.is_set():
                documents = [
                    {"_id": f"{self.number}-{turn}-{n}", "symbol": f"S{random.randrange(200)}", "version": 1}
                    for n in range(20)
                ]
                turn += 1
                try:
                    self.acknowledged += len(collection.insert_many(documents, ordered=False).inserted_ids)
                    change = {"$inc": {"version": 1, "changes": 1}}
                    updates = [UpdateOne(same_document(document), change) for document in documents]
                    changed = collection.bulk_write(updates, ordered=False).modified_count
                    if changed != len(documents):
                        self.errors.append(f"{changed} of {len(documents)} changed")
                except pymongo.errors.PyMongoError as error:
                    self.errors.append(str(error)[:300])


class Reader(threading.Thread):
    """Never counts less than was acknowledged before."""

    def __init__(self, database: str, writers: list[Writer], stop: threading.Event) -> None:
        super().__init__()
        self.database, self.writers, self.stop = database, writers, stop
        self.reads = 0
        self.errors: list[str] = []

    def run(self) -> None:
        with cluster.connect() as client:
            collection = client[self.database].prices
            while not self.stop.is_set():
                least = sum(writer.acknowledged for writer in self.writers)
                try:
                    count = collection.count_documents({})
                except pymongo.errors.PyMongoError as error:
                    self.errors.append(str(error)[:300])
                    continue
                self.reads += 1
                if count < least:
                    self.errors.append(f"{count} counted, {least} acknowledged")


class Transactions(RouterTest):
    def setUp(self) -> None:
        super().setUp()
        symbols = self.symbols_by_shard(2)
        self.on_one = prices(symbols["shard1"])
        self.on_two = prices([symbols["shard1"][0], symbols["shard2"][0]])
        self.prices.insert_many(prices(symbols["shard1"] + symbols["shard2"]))

    def increment(self, documents: list[dict[str, Any]], session: Any) -> None:
        for document in documents:
            self.prices.update_one(same_document(document), {"$inc": {"version": 1}}, session=session)

    def versions(self, documents: list[dict[str, Any]]) -> list[int]:
        ids = [document["_id"] for document in documents]
        return [document["version"] for document in self.prices.find({"_id": {"$in": ids}})]

    def test_commit(self) -> None:
        for documents in (self.on_one, self.on_two):
            with self.client.start_session() as session, session.start_transaction():
                self.increment(documents, session)
                self.assertEqual(self.versions(documents), [1, 1])
                inside = self.prices.find({"_id": documents[0]["_id"], "symbol": documents[0]["symbol"]}, session=session)
                self.assertEqual([document["version"] for document in inside], [2])
                everything = list(self.prices.find({"version": 2}, session=session))
                self.assertEqual(len(everything), 2)
            self.assertEqual(self.versions(documents), [2, 2])
            self.prices.update_many({}, {"$set": {"version": 1}})

    def test_abort(self) -> None:
        for documents in (self.on_one, self.on_two):
            with self.client.start_session() as session:
                session.start_transaction()
                self.increment(documents, session)
                session.abort_transaction()
            self.assertEqual(self.versions(documents), [1, 1])
            self.increment(documents, None)
            self.prices.update_many({}, {"$set": {"version": 1}})

    def test_an_error_ends_it_on_all_shards(self) -> None:
        with self.client.start_session() as session:
            session.start_transaction()
            self.increment(self.on_two, session)
            with self.assertRaises(pymongo.errors.DuplicateKeyError):
                self.prices.insert_one(self.on_two[1], session=session)
            # Nothing is locked any more.
            self.increment(self.on_two, None)
            with self.assertRaises(OperationFailure) as caught:
                session.commit_transaction()
            self.assertEqual(caught.exception.code, 251)
        self.assertEqual(self.versions(self.on_two), [2, 2])

    def test_the_loser_of_a_conflict_can_begin_again(self) -> None:
        with self.client.start_session() as first, self.client.start_session() as second:
            first.start_transaction()
            self.increment(self.on_two, first)
            second.start_transaction()
            with self.assertRaises(OperationFailure) as caught:
                self.increment(self.on_two, second)
            self.assertTrue(caught.exception.has_error_label("TransientTransactionError"))
            first.commit_transaction()
        self.assertEqual(self.versions(self.on_two), [2, 2])

    def test_the_first_statement_finds_moved_chunks(self) -> None:
        for number, documents in enumerate((self.on_one, self.on_two)):
            self.prices.find_one_and_update(same_document(documents[0]), {"$set": {"warm": True}})
            self.move_all("prices", ("shard2", "shard1")[number])
            with self.client.start_session() as session, session.start_transaction():
                operations = [UpdateOne(same_document(each), {"$inc": {"version": 1}}) for each in documents]
                self.assertEqual(self.prices.bulk_write(operations, session=session).modified_count, 2)
            self.assertEqual(self.versions(documents), [2, 2])
            self.prices.update_many({}, {"$set": {"version": 1}})

    def test_a_transaction_that_a_migration_overtakes_begins_again(self) -> None:
        runs = 0
        self.database.counters.insert_one({"_id": "n", "value": 0})

        def change(session: Any) -> None:
            nonlocal runs
            runs += 1
            # Of another collection: no chunk of this one could move while a transaction has it locked.
            self.database.counters.update_one({"_id": "n"}, {"$inc": {"value": 1}}, session=session)
            if runs == 1:
                self.move_all("prices", "shard1")
            self.increment(self.on_two, session)

        with self.client.start_session() as session:
            session.with_transaction(change)
        self.assertEqual(self.versions(self.on_two), [2, 2])
        self.assertEqual(self.database.counters.find_one({}), {"_id": "n", "value": 1})
        self.assertEqual(runs, 2)

    def test_a_snapshot_is_the_same_time_on_both_shards(self) -> None:
        with self.client.start_session() as session:
            with session.start_transaction(read_concern=ReadConcern("snapshot")):
                seen = self.prices.find_one(
                    {"_id": self.on_two[0]["_id"], "symbol": self.on_two[0]["symbol"]}, session=session
                )
                self.prices.update_many({}, {"$set": {"version": 7}})
                rest = list(self.prices.find({}, session=session))
        assert seen
        self.assertEqual({document["version"] for document in [seen, *rest]}, {1})
        self.assertEqual(len(rest), 4)

    def test_a_commit_can_be_asked_for_again(self) -> None:
        with self.client.start_session() as session:
            session.start_transaction()
            self.increment(self.on_two, session)
            session.commit_transaction()
            session.commit_transaction()
        self.assertEqual(self.versions(self.on_two), [2, 2])

    def test_unsharded_collections_take_part(self) -> None:
        self.database.counters.insert_one({"_id": "n", "value": 0})
        with self.client.start_session() as session, session.start_transaction():
            self.increment(self.on_two, session)
            self.database.counters.update_one({"_id": "n"}, {"$inc": {"value": 1}}, session=session)
            self.assertEqual(self.database.counters.count_documents({"value": 1}, session=session), 1)
        self.assertEqual(self.database.counters.find_one({}), {"_id": "n", "value": 1})


class Zones(RouterTest):
    def zone(self, name: str, shard: str) -> None:
        self.admin.command("addShardToZone", shard, zone=name)
        self.addCleanup(lambda: self.admin.command("removeShardFromZone", shard, zone=name))

    def range(self, namespace: str, low: Any, high: Any, zone: str | None) -> None:
        self.admin.command(SON(updateZoneKeyRange=f"{self.name}.{namespace}", min=low, max=high, zone=zone))

    def test_ranges_are_placed_by_their_zones(self) -> None:
        self.zone("early", "shard2")
        self.zone("late", "shard1")
        low, middle, high = ({"symbol": bound} for bound in (MinKey(), "M", MaxKey()))
        self.range("ranged", low, middle, "early")
        self.range("ranged", middle, high, "late")
        ranged = self.sharded("ranged", {"symbol": 1})
        self.assertEqual([chunk["shard"] for chunk in self.chunks("ranged")], ["shard2", "shard1"])
        ranged.insert_many([{"_id": n, "symbol": f"{'AZ'[n % 2]}{n}"} for n in range(40)])
        self.assertEqual(self.counts("ranged"), {"shard1": 20, "shard2": 20})
        self.assertEqual(ranged.find_one({"symbol": "A4"})["_id"], 4)
        self.assertEqual(len(list(ranged.find({"symbol": {"$gte": "A", "$lt": "N"}}))), 20)
        tags = list(self.client.config.tags.find({"ns": f"{self.name}.ranged"}).sort("min", 1))
        self.assertEqual([tag["tag"] for tag in tags], ["early", "late"])

    def test_zones_go_with_their_collection(self) -> None:
        self.zone("all", "shard2")
        self.range("ranged", {"symbol": MinKey()}, {"symbol": MaxKey()}, "all")
        self.sharded("ranged", {"symbol": 1})
        self.assertEqual([chunk["shard"] for chunk in self.chunks("ranged")], ["shard2"])
        self.database.drop_collection("ranged")
        self.assertIsNone(cluster.config.config.tags.find_one({"ns": f"{self.name}.ranged"}))
        self.assertIsNone(cluster.config.config.collections.find_one({"_id": f"{self.name}.ranged"}))

    def test_the_balancer_moves_chunks_into_their_zone(self) -> None:
        ranged = self.sharded("ranged", {"symbol": 1})
        ranged.insert_many([{"_id": n, "symbol": f"S{n}"} for n in range(20)])
        self.assertEqual({chunk["shard"] for chunk in self.chunks("ranged")}, {"shard1"})
        self.zone("other", "shard2")
        self.range("ranged", {"symbol": MinKey()}, {"symbol": MaxKey()}, "other")
        self.admin.command("balancerStart")
        self.addCleanup(lambda: self.admin.command("balancerStop"))
        deadline = time.monotonic() + 60
        while {chunk["shard"] for chunk in self.chunks("ranged")} != {"shard2"}:
            self.assertLess(time.monotonic(), deadline, "the balancer moved nothing")
            time.sleep(0.2)
        self.assertEqual(len(list(ranged.find({}))), 20)

    def test_chunks_are_split_and_moved_by_their_documents(self) -> None:
        ranged = self.sharded("ranged", {"symbol": 1})
        ranged.insert_many([{"_id": n, "symbol": f"S{n}"} for n in range(10)])
        namespace = f"{self.name}.ranged"
        self.admin.command("split", namespace, middle={"symbol": "S5"})
        self.assertEqual(len(self.chunks("ranged")), 2)
        self.admin.command("moveChunk", namespace, find={"symbol": "S7"}, to="shard2")
        self.assertEqual([chunk["shard"] for chunk in self.chunks("ranged")], ["shard1", "shard2"])
        self.admin.command(SON(moveRange=namespace, min={"symbol": MinKey()}, max={"symbol": "S5"}, toShard="shard2"))
        self.assertEqual([chunk["shard"] for chunk in self.chunks("ranged")], ["shard2", "shard2"])
        self.assertEqual(len(list(ranged.find({}))), 10)

    def test_compound_keys(self) -> None:
        pairs = self.sharded("pairs", {"venue": 1, "symbol": 1})
        self.admin.command("split", f"{self.name}.pairs", middle={"venue": "B", "symbol": "M"})
        self.admin.command("moveChunk", f"{self.name}.pairs", find={"venue": "B", "symbol": "Z"}, to="shard2")
        places = [("A", "Z"), ("B", "A"), ("B", "Z"), ("C", "A")]
        pairs.insert_many([{"_id": n, "venue": venue, "symbol": symbol} for n, (venue, symbol) in enumerate(places)])
        self.assertEqual(self.counts("pairs"), {"shard1": 2, "shard2": 2})
        for n, (venue, symbol) in enumerate(places):
            changed = pairs.find_one_and_update({"symbol": symbol, "venue": {"$eq": venue}}, {"$set": {"a": 1}})
            self.assertEqual(changed["_id"], n)


class Definitions(RouterTest):
    def options(self, client: Client, name: str) -> Any:
        answer = client[self.name].command("listCollections", filter={"name": name})
        return answer["cursor"]["firstBatch"][0]["options"]

    def test_rules_reach_all_shards(self) -> None:
        validator = {"$jsonSchema": {"required": ["version"]}}
        rules = {"validator": validator, "validationLevel": "strict", "validationAction": "error"}
        self.database.command("collMod", "prices", **rules)
        for client in (self.client, *cluster.shards.values()):
            self.assertEqual(self.options(client, "prices")["validator"], validator)
        symbols = self.symbols_by_shard(1)
        for symbol in symbols["shard1"] + symbols["shard2"]:
            with self.assertRaises(OperationFailure) as caught:
                self.prices.insert_one({"symbol": symbol})
            self.assertEqual(caught.exception.code, 121)

    def test_create_then_shard(self) -> None:
        """What Tapedesk does to prepare a collection, twice."""
        for turn in range(2):
            try:
                self.database.command("create", "tickets", validator={"version": {"$gte": 1}})
            except OperationFailure as error:
                self.assertEqual((error.code, turn), (48, 1))
            self.admin.command("enableSharding", self.name)
            self.admin.command("shardCollection", f"{self.name}.tickets", key={"_id": "hashed"})
            self.database.command("createIndexes", "tickets", indexes=[{"key": {"state": 1}, "name": "by_state"}])
        self.assertIn("validator", self.options(self.client, "tickets"))
        self.assertEqual(len({chunk["shard"] for chunk in self.chunks("tickets")}), 2)

    def test_indexes_are_on_all_shards(self) -> None:
        self.prices.create_index([("version", 1)], name="by_version")
        self.assertEqual(set(self.prices.index_information()), {"_id_", "symbol_hashed", "by_version"})
        for client in cluster.shards.values():
            self.assertIn("by_version", client[self.name].prices.index_information())
        self.prices.drop_index("by_version")
        for client in cluster.shards.values():
            self.assertNotIn("by_version", client[self.name].prices.index_information())

    def test_drop(self) -> None:
        self.prices.insert_many(prices([f"S{n}" for n in range(20)]))
        self.assertEqual(self.database.list_collection_names(), ["prices"])
        self.database.drop_collection("prices")
        self.assertEqual(self.database.list_collection_names(), [])
        self.assertEqual(self.counts("prices"), {"shard1": 0, "shard2": 0})
        self.prices.insert_one({"_id": 1, "symbol": "A"})
        self.assertEqual(self.counts("prices"), {"shard1": 1, "shard2": 0})
        self.client.drop_database(self.name)
        self.assertNotIn(self.name, self.client.list_database_names())
        self.assertIsNone(cluster.config.config.databases.find_one({"_id": self.name}))

    def test_dropped_and_made_anew(self) -> None:
        """An old routing table knows another collection of the same name."""
        for turn in range(3):
            self.prices.insert_many([{"_id": n, "symbol": f"S{n}", "turn": turn} for n in range(20)])
            self.assertEqual(self.prices.count_documents({"turn": turn}), 20)
            self.client.drop_database(self.name)
            self.admin.command("enableSharding", self.name, primaryShard=("shard2", "shard1")[turn % 2])
            self.prices = self.sharded("prices", {"symbol": "hashed"}, numInitialChunks=4)

    def test_metadata_can_be_read(self) -> None:
        config = self.client.config
        self.assertEqual({shard["_id"] for shard in config.shards.find()}, {"shard1", "shard2"})
        entry = config.collections.find_one({"_id": f"{self.name}.prices"})
        assert entry
        self.assertEqual(config.chunks.count_documents({"uuid": entry["uuid"]}), 4)
        self.assertEqual((config.databases.find_one({"_id": self.name}) or {})["primary"], "shard1")
        self.assertIsNotNone(config.settings.find_one({"_id": "balancer"}))
        shards = self.admin.command("listShards")["shards"]
        self.assertEqual({shard["_id"] for shard in shards}, {"shard1", "shard2"})
        self.assertIn("shard1", self.admin.command("getShardMap")["map"])

    def test_the_balancer_obeys(self) -> None:
        self.admin.command("balancerStart")
        self.assertEqual(self.admin.command("balancerStatus")["mode"], "full")
        self.admin.command("balancerStop")
        self.assertEqual(self.admin.command("balancerStatus")["mode"], "off")

    def test_what_a_router_says_about_itself(self) -> None:
        hello = self.admin.command("hello")
        self.assertEqual((hello["msg"], "setName" in hello), ("isdbgrid", False))
        self.assertEqual(self.admin.command("buildInfo")["version"].split(".")[:2], ["6", "0"])
        self.assertIn("connections", self.admin.command("serverStatus"))
        with self.assertRaises(OperationFailure) as caught:
            self.admin.command("noSuchCommand")
        self.assertEqual(caught.exception.code, 59)
        session = {"id": bson.Binary(uuid.uuid4().bytes, 4)}
        self.admin.command("endSessions", [session])
        self.admin.command("killSessions", [session])


class Failures(RouterTest):
    def test_a_shard_that_comes_back(self) -> None:
        symbols = self.symbols_by_shard(2)
        documents = prices(symbols["shard1"] + symbols["shard2"])
        self.prices.insert_many(documents)
        status = json.loads(cluster.script("status", "--json"))
        pid = next(process["pid"] for process in status["processes"] if process["name"] == "shard2")
        os.kill(pid, 9)
        reached = self.prices.find_one_and_update(same_document(documents[0]), {"$inc": {"version": 1}})
        self.assertIsNotNone(reached)
        with self.assertRaises(pymongo.errors.PyMongoError):
            self.prices.find_one_and_update(same_document(documents[3]), {"$inc": {"version": 1}})
        cluster.script("up")
        changed = self.prices.find_one_and_update(same_document(documents[3]), {"$inc": {"version": 1}})
        self.assertIsNotNone(changed)
        self.assertEqual(len(list(self.prices.find({}))), 4)

    @unittest.skipUnless(USES_TEST_ROUTER, "a mongos of one's own would be needed")
    def test_a_commit_outlives_the_router(self) -> None:
        """The answer to a commit is lost with the router; the next one finds out that it was made."""
        symbols = self.symbols_by_shard(1)
        documents = prices(symbols["shard1"] + symbols["shard2"])
        session = {"id": bson.Binary(uuid.uuid4().bytes, 4)}
        common = {"lsid": session, "txnNumber": Int64(1), "autocommit": False}
        insert = SON(insert="prices", documents=documents, startTransaction=True, **common)
        token = cluster.exchange(self.name, insert)["recoveryToken"]
        commit = SON(commitTransaction=1, writeConcern=MAJORITY, recoveryToken=token, **common)
        self.assertEqual(cluster.exchange("admin", commit)["ok"], 1.0)
        status = json.loads(cluster.script("status", "--json"))
        pid = next(process["pid"] for process in status["processes"] if process["name"] == "front")
        os.kill(pid, 9)
        cluster.script("up")
        self.assertEqual(cluster.exchange("admin", commit)["ok"], 1.0)
        self.assertEqual(self.prices.count_documents({}), 2)


if __name__ == "__main__":
    unittest.main()
