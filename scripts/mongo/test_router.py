#!/usr/bin/env python3
"""Tests of the router's commands.

    $(scripts/local-mongo python) scripts/mongo/test_router.py              all of them
    $(scripts/local-mongo python) scripts/mongo/test_router.py Bulks        one class

What they show is "tested against a MongoDB 6.0 config server and two shards, real mongod processes and real chunk
migration, through a test router; not with mongos". With MONGOS in the environment they run against that mongos.
"""

from __future__ import annotations

import os
import signal
import sys
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
from pymongo import DeleteOne, InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, CursorNotFound, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mongo.router import hashing, raw  # noqa: E402
from mongo.router_testing import (  # noqa: E402
    MAJORITY,
    USES_TEST_ROUTER,
    Client,
    RouterTest,
    prices,
    same_document,
    start_cluster,
    stop_cluster,
)


def setUpModule() -> None:
    start_cluster()


def tearDownModule() -> None:
    stop_cluster()


class Hashing(unittest.TestCase):
    """The router's own hash and order against the server's."""

    VALUES: ClassVar[list[Any]] = [
        "", "BINANCE:BTCUSDT", "ü", 0, 1, -1, 7.9, -7.9, float("nan"), float("inf"), 1 << 40, Int64(-5), None, True,
        False, ObjectId(), datetime(2026, 1, 2, 3, 4, 5), datetime(1960, 1, 1), b"bytes", uuid.UUID(int=5).bytes,
        bson.Timestamp(5, 6), bson.Decimal128("12.5"), MinKey(), MaxKey(),
    ]  # fmt: skip

    def test_hash_is_the_servers(self) -> None:
        for value in self.VALUES:
            answer = RouterTest.cluster.shards["shard1"].admin.command("_hashBSONElement", value, seed=0)
            self.assertEqual(hashing.hashed(raw.value_of(value)), answer["out"], repr(value))

    def test_order_is_the_servers(self) -> None:
        client = RouterTest.cluster.shards["shard1"]
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
        key = {"_id": "x", "symbol": "NEW"}
        self.assertEqual(self.prices.update_one(key, {"$set": {"a": 1}}, upsert=True).upserted_id, "x")
        self.assertEqual(self.prices.delete_one(key).deleted_count, 1)

    def test_find_and_modify_needs_the_shard_key(self) -> None:
        with self.assertRaises(OperationFailure) as caught:
            self.prices.find_one_and_update({"_id": 1}, {"$set": {"a": 1}})
        self.assertEqual(caught.exception.code, 61)

    def test_unsharded_collections_are_on_the_primary_shard(self) -> None:
        self.database.counters.insert_one({"_id": "n", "value": 1})
        self.assertIsNotNone(self.database.counters.find_one_and_update({"_id": "n"}, {"$inc": {"value": 1}}))
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
        refused = [error["op"]["_id"] for error in details["writeErrors"]]
        self.assertEqual(refused, [mixed[n]["_id"] for n in (2, 7, 11)])
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
        keys = [{"_id": each["_id"], "symbol": each["symbol"]} for each in self.documents]
        updates = [{"q": key, "u": {"$inc": {"version": 1}}} for key in keys]
        command = dict(update="prices", updates=updates, ordered=False, lsid=session, txnNumber=Int64(1))
        first = self.cluster.exchange(self.name, command)
        self.assertEqual((first["n"], first["nModified"]), (20, 20))
        # What a shard remembers of retryable writes has to move along with the chunks.
        self.move_all("prices", "shard2")
        second = self.cluster.exchange(self.name, command)
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
            with self.cluster.connect() as other:
                moment = other.admin.command("ping")["operationTime"]
            self.prices.update_one({"_id": 1, "symbol": "S1"}, {"$set": {"price": -1}})
            with self.cluster.connect() as other:
                concern = {"level": "snapshot", "atClusterTime": moment}
                find = {"find": "prices", "filter": {"_id": 1}, "readConcern": concern}
                found = other[self.name].command(find)["cursor"]["firstBatch"]
            self.assertEqual(found[0]["price"], number)

    def test_the_time_of_a_write_is_not_before_it(self) -> None:
        """Of one that is not retryable, which goes another way."""
        for number in range(10):
            updates = [{"q": {}, "u": {"$set": {"turn": number}}, "multi": True}]
            moment = self.database.command("update", "prices", updates=updates)["operationTime"]
            concern = {"level": "snapshot", "atClusterTime": moment}
            found = self.database.command("find", "prices", filter={"turn": number}, limit=500, readConcern=concern)
            self.assertNotEqual(found["cursor"]["firstBatch"], [])

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


class Definitions(RouterTest):
    def options(self, client: Client, name: str) -> Any:
        answer = client[self.name].command("listCollections", filter={"name": name})
        return answer["cursor"]["firstBatch"][0]["options"]

    def test_rules_reach_all_shards(self) -> None:
        validator = {"$jsonSchema": {"required": ["version"]}}
        rules: dict[str, Any] = {"validator": validator, "validationLevel": "strict", "validationAction": "error"}
        self.database.command("collMod", "prices", **rules)
        for client in (self.client, *self.cluster.shards.values()):
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
        for client in self.cluster.shards.values():
            self.assertIn("by_version", client[self.name].prices.index_information())
        self.prices.drop_index("by_version")
        for client in self.cluster.shards.values():
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
        self.assertIsNone(self.cluster.config.config.databases.find_one({"_id": self.name}))

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
        os.kill(self.cluster.pid("shard2"), signal.SIGKILL)
        reached = self.prices.find_one_and_update(same_document(documents[0]), {"$inc": {"version": 1}})
        self.assertIsNotNone(reached)
        with self.assertRaises(pymongo.errors.PyMongoError):
            self.prices.find_one_and_update(same_document(documents[3]), {"$inc": {"version": 1}})
        self.cluster.script("up")
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
        insert = dict(insert="prices", documents=documents, startTransaction=True, **common)
        token = self.cluster.exchange(self.name, insert)["recoveryToken"]
        commit = dict(commitTransaction=1, writeConcern=MAJORITY, recoveryToken=token, **common)
        self.assertEqual(self.cluster.exchange("admin", commit)["ok"], 1.0)
        os.kill(self.cluster.pid("front"), signal.SIGKILL)
        self.cluster.script("up")
        self.assertEqual(self.cluster.exchange("admin", commit)["ok"], 1.0)
        self.assertEqual(self.prices.count_documents({}), 2)


if __name__ == "__main__":
    unittest.main()
