#!/usr/bin/env python3
"""Tests of the router while chunks move, of transactions, and of zones.

    $(scripts/local-mongo python) scripts/mongo/test_movement.py                all of them
    $(scripts/local-mongo python) scripts/mongo/test_movement.py Migrations     one class

What they show is "tested against a MongoDB 6.0 config server and two shards, real mongod processes and real chunk
migration, through a test router; not with mongos". With MONGOS in the environment they run against that mongos.
"""

from __future__ import annotations

import random
import sys
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo
from bson.max_key import MaxKey
from bson.min_key import MinKey
from pymongo import UpdateOne
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mongo.router_testing import (  # noqa: E402
    Cluster,
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


class Migrations(RouterTest):
    def test_every_kind_of_command_finds_moved_chunks(self) -> None:
        """Each command meets a routing table that was made stale past the router."""
        symbols = self.symbols_by_shard(5)
        documents = prices(symbols["shard1"] + symbols["shard2"])
        self.prices.insert_many(documents)
        first = documents[0]
        commands: dict[str, Callable[[], int]] = {
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
                self.prices.find_one_and_update(same_document(each), {"$inc": {"n": 1}}) is not None
                for each in documents
            ),
            "indexes": lambda: 5 * len(self.prices.index_information()),
            "create index": lambda: 10 * len([self.prices.create_index("n")]),
        }
        for number, (name, run) in enumerate(commands.items()):
            self.move_all("prices", ("shard2", "shard1")[number % 2])
            self.assertEqual(run(), 10, name)
        self.assertEqual(sorted(self.counts("prices").values()), [0, 10])
        self.assertEqual({document["n"] for document in self.prices.find({})}, {4})

    def test_nothing_is_lost_while_chunks_move(self) -> None:
        stop = threading.Event()
        writers = [Writer(self.cluster, self.name, number, stop) for number in range(3)]
        reader = Reader(self.cluster, self.name, writers, stop)
        threads: list[Client] = [*writers, reader]
        for thread in threads:
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
            for thread in threads:
                thread.join()
        self.assertEqual([error for thread in threads for error in thread.errors], [])
        acknowledged = sum(writer.acknowledged for writer in writers)
        self.assertGreater(acknowledged, 300)
        self.assertGreater(reader.reads, 10)
        self.assertEqual(self.prices.count_documents({}), acknowledged)
        self.assertEqual(len({document["_id"] for document in self.prices.find({}, {"_id": 1})}), acknowledged)
        # Each was changed once, exactly, by its version.
        self.assertEqual(self.prices.count_documents({"version": 2, "changes": 1}), acknowledged)


class Client(threading.Thread):
    """Does something again and again until it is told to stop."""

    errors: list[str]


class Writer(Client):
    """Inserts documents and changes each of them once, in bulks over both shards."""

    def __init__(self, cluster: Cluster, database: str, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.cluster = cluster
        self.database, self.number, self.stop = database, number, stop
        self.acknowledged = 0
        self.errors: list[str] = []

    def run(self) -> None:
        with self.cluster.connect() as client:
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


class Reader(Client):
    """Never counts less than was acknowledged before."""

    def __init__(self, cluster: Cluster, database: str, writers: list[Writer], stop: threading.Event) -> None:
        super().__init__()
        self.cluster = cluster
        self.database, self.writers, self.stop = database, writers, stop
        self.reads = 0
        self.errors: list[str] = []

    def run(self) -> None:
        with self.cluster.connect() as client:
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
                key = {"_id": documents[0]["_id"], "symbol": documents[0]["symbol"]}
                inside = self.prices.find(key, session=session)
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
        self.admin.command(dict(updateZoneKeyRange=f"{self.name}.{namespace}", min=low, max=high, zone=zone))

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
        self.assertIsNone(self.cluster.config.config.tags.find_one({"ns": f"{self.name}.ranged"}))
        self.assertIsNone(self.cluster.config.config.collections.find_one({"_id": f"{self.name}.ranged"}))

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
        self.admin.command(dict(moveRange=namespace, min={"symbol": MinKey()}, max={"symbol": "S5"}, toShard="shard2"))
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


if __name__ == "__main__":
    unittest.main()
