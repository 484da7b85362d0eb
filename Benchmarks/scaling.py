"""Measures what grows: instruments, stored data, shards, daemons; and what it costs when one of them goes.

A sharded cluster of this project has a test router in front (see docs/test-clusters.md), and everything shares the
processors of one machine: ratios tell of Tapedesk, not of MongoDB's own router, nor of what more machines bring.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from daemon import running

ROOT = Path(__file__).resolve().parent.parent
MAPPING = "symbol=product_id,price=price,size=size,time=time,sequence=sequence,id=trade_id,side=side"
EVENTS = 1_000_000
INSTRUMENTS = (10, 1_000, 5_000, 50_000, 100_000)
GROWTH = 10
REPLAY_LIMIT_S = 900
TAKEOVERS = 5
FAILOVERS = 3
# Commits go on for so long, and the primary is killed after a part of it.
FAILOVER_S = 20
FAILOVER_KILL_S = 6
LEASE_S = 3
HOPS = 2_000

Add = Callable[[str, float, str, str], None]


@dataclass
class Replay:
    """What a replay came to."""

    rate: float
    memory: int


class Scaling:
    """Replays, daemons and clusters, one after the other."""

    def __init__(self, programs: Path, uri: str, database: str) -> None:
        self.programs = programs
        self.uri = uri
        self.database = database

    def measure(self, add: Add) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.measure_instruments(add, folder)
            self.measure_growth(add, folder)
            self.measure_takeover(add, folder)
            self.measure_failover(add, folder)
            self.measure_shards(add, folder)

    # Recordings

    def generate(self, folder: Path, instruments: int, seed: int = 1, events: int = EVENTS) -> Path:
        path = folder / f"{instruments}-{seed}-{events}.ndjson"
        command = [str(self.programs / "tapedesk-sample"), "--events", str(events), "--instruments", str(instruments)]
        subprocess.run([*command, "--seed", str(seed), "--out", str(path)], check=True, capture_output=True)
        return path

    def replay(self, uri: str, *paths: Path) -> float:
        """Replays recordings, and answers the events per second of the last one."""
        return self.watched_replay(uri, *paths).rate

    def watched_replay(self, uri: str, *paths: Path) -> Replay:
        command = [str(self.programs / "tapedesk"), "replay", *map(str, paths), "--map", MAPPING, "--json"]
        command += ["--mongo", uri, "--database", self.database]
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            child = subprocess.Popen(command, stdout=output, stderr=errors)
            watchdog = threading.Timer(REPLAY_LIMIT_S, child.kill)
            watchdog.start()
            try:
                _, status, usage = os.wait4(child.pid, 0)
            finally:
                watchdog.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            for file in (output, errors):
                file.seek(0)
            if child.returncode != 0:
                raise RuntimeError(f"replay: {child.returncode}: {errors.read()[-300:]}")
            result = json.loads(output.read().splitlines()[-1])
        return Replay(rate=result["events_per_second"], memory=usage.ru_maxrss * 1024)

    def drop(self, uri: str) -> None:
        with pymongo.MongoClient(uri, serverSelectionTimeoutMS=10_000) as client:
            client.drop_database(self.database)

    # What grows

    def measure_instruments(self, add: Add, folder: Path) -> None:
        event_s = 0.0
        for count in INSTRUMENTS:
            self.drop(self.uri)
            recording = self.generate(folder, count)
            replay = self.watched_replay(self.uri, recording)
            recording.unlink()
            name = f"replay, {count} instruments"
            add(name, replay.rate, "1/s", f"{1e6 / replay.rate:.2f} µs an event")
            add(f"{name}, memory", replay.memory / 1e6, "MB", "at most, of the client")
            changes = [self.changes(collection) for collection in ("market_data", "candles")]
            note = f"{changes[0]} of buckets, {changes[1]} of bars"
            if event_s:
                per_change = EVENTS * (1 / replay.rate - event_s) / sum(changes)
                note += f"; {per_change * 1e3:.2f} ms each, after {event_s * 1e6:.2f} µs an event"
            else:
                # Few documents change with the fewest instruments: the rest is what events cost.
                event_s = 1 / replay.rate
            add(f"{name}, changes of documents", sum(changes), "", note)

    def changes(self, collection: str) -> int:
        """How often documents were changed: each change counts the version of its document up by one."""
        with pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=10_000) as client:
            total = [{"$group": {"_id": None, "changes": {"$sum": "$version"}}}]
            return int(next(iter(client[self.database][collection].aggregate(total)))["changes"])

    def measure_growth(self, add: Add, folder: Path) -> None:
        """The same recording, into little and into ten times as much."""
        self.drop(self.uri)
        parts = [self.generate(folder, 50, seed) for seed in range(2, 2 + GROWTH)]
        first = self.replay(self.uri, parts[0])
        add("replay, nothing stored", first, "1/s", f"{EVENTS} events")
        last = self.replay(self.uri, *parts[1:])
        add(f"replay, {GROWTH - 1} million stored", last, "1/s", f"{first / last:.2f} times the cost of the first")
        for path in parts:
            path.unlink()
        self.drop(self.uri)

    # Daemons

    @contextmanager
    def daemon(self, folder: Path, name: str, port: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        path = folder / f"{name}.yaml"
        path.write_text(
            f"""
service: {{ state: {folder}/{name}, instance: {name}, lease: {LEASE_S}s }}
http: {{ listen: "127.0.0.1:0" }}
sources:
  - {{ name: spot, venue: binance, symbols: [BTCUSDT], events: [trade], url: "ws://127.0.0.1:{port}" }}
"""
        )
        words = ["serve", "--config", str(path), "--log", "text", "--mongo", self.uri, "--database", self.database]
        log = open(folder / f"{name}.log", "a+b")
        start = log.tell()
        child = subprocess.Popen([str(self.programs / "tapedesk"), *words], stdout=log, stderr=log)
        try:
            yield child, self.port(folder / f"{name}.log", start)
        finally:
            log.close()
            child.send_signal(signal.SIGTERM)
            child.wait(timeout=20)

    def port(self, log: Path, start: int) -> int:
        found = self.until(lambda: log.read_text()[start:].partition("HTTP at port ")[2].partition(":")[0])
        return int(found)

    def until(self, ask: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := ask():
                return answer
            time.sleep(0.01)
        raise RuntimeError("it did not come to pass in time")

    def stored(self, port: int) -> int:
        """What a daemon has stored under its present lease; zero where it has none."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=10) as answer:
            source = json.load(answer)["sources"][0]
        return int(source["stored_events"]) if source["lease"]["held"] else 0

    def measure_takeover(self, add: Add, folder: Path) -> None:
        """From the kill of the daemon that has the source until another one stores."""
        self.drop(self.uri)
        venue = [str(self.programs / "tapedesk-sample"), "venue", "--port", "0", "--rate", "1000", "--for", "600s"]
        pauses: list[float] = []
        with running([*venue, "--quotes", "0", "--instruments", "1"], r"127\.0\.0\.1:(\d+)") as found:
            for _ in range(TAKEOVERS):
                with ExitStack() as stack:
                    daemons = [stack.enter_context(self.daemon(folder, n, int(found[1]))) for n in ("one", "two")]
                    holder = self.until(lambda: next((d for d in daemons if self.stored(d[1]) > 500), None))
                    other = next(daemon for daemon in daemons if daemon is not holder)
                    began = time.monotonic()
                    os.kill(holder[0].pid, signal.SIGKILL)
                    self.until(lambda: self.stored(other[1]) > 0)
                    pauses.append(time.monotonic() - began)
        add("takeover of a killed daemon, median", statistics.median(pauses), "s", f"lease {LEASE_S} s; goal 5")
        add("takeover of a killed daemon, longest", max(pauses), "s", f"of {TAKEOVERS}")
        self.drop(self.uri)

    # Members

    def measure_failover(self, add: Add, folder: Path) -> None:
        """The longest that a commit waits when the primary of three members is killed."""
        waits: list[float] = []
        for number in range(FAILOVERS):
            with self.topology(folder / f"set-{number}", "--replicas", "3") as status:
                waits.append(self.wait_of_failover(status))
        note = f"of {FAILOVERS} primaries killed, 50 commits a second; the election is part of it"
        add("failover, longest wait of a commit, median", statistics.median(waits), "s", note)
        add("failover, longest wait of a commit, longest", max(waits), "s", "")

    def wait_of_failover(self, status: dict[str, Any]) -> float:
        command = [str(self.programs / "tapedesk-bench"), "commit-latency", "--mongo", status["uri"]]
        words = ["--database", "bench_failover", "--seconds", str(FAILOVER_S)]
        with subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True) as bench:
            time.sleep(FAILOVER_KILL_S)
            with pymongo.MongoClient(status["uri"], serverSelectionTimeoutMS=10_000) as client:
                client.admin.command("ping")
                _, port = client.primary or ("", 0)
            os.kill(next(process["pid"] for process in status["processes"] if process["port"] == port), signal.SIGKILL)
            output, _ = bench.communicate(timeout=120)
        if bench.returncode != 0:
            raise RuntimeError(f"commits did not go on over a failover: exit code {bench.returncode}")
        results = [json.loads(line) for line in output.splitlines()]
        return float(next(result["value"] for result in results if result["name"] == "commit, longest")) / 1e3

    @contextmanager
    def topology(self, folder: Path, *options: str) -> Iterator[dict[str, Any]]:
        """Servers of their own, and what `local-mongo status --json` says of them."""
        script, place = str(ROOT / "scripts" / "local-mongo"), [*options, "--folder", str(folder)]
        subprocess.run([script, "up", *place], check=True, capture_output=True, timeout=120)
        try:
            done = subprocess.run([script, "status", "--json", *place], check=True, capture_output=True, text=True)
            yield json.loads(done.stdout)
        finally:
            subprocess.run([script, "wipe", *place], check=True, capture_output=True, timeout=120)

    # Shards

    def measure_shards(self, add: Add, folder: Path) -> None:
        recording = self.generate(folder, 50)
        self.drop(self.uri)
        add("replay, a replica set", self.replay(self.uri, recording), "1/s", "50 instruments")
        self.add_hop(add, self.uri, "a replica set")
        self.drop(self.uri)
        for shards in (1, 2):
            with self.topology(folder / f"cluster-{shards}", "--sharded", "--shards", str(shards)) as status:
                uri = str(status["uri"])
                init = [str(self.programs / "tapedesk"), "init", "--mongo", uri, "--database", self.database]
                subprocess.run(init, check=True, capture_output=True, timeout=120)
                add(f"replay, {shards} shards", self.replay(uri, recording), "1/s", "through the test router")
                self.add_hop(add, uri, f"{shards} shards, test router")

    def add_hop(self, add: Add, uri: str, where: str) -> None:
        """One document by its key, again and again."""
        with pymongo.MongoClient(uri, serverSelectionTimeoutMS=10_000) as client:
            bars = client[self.database]["candles"]
            bar = bars.find_one({}, {"instrument_symbol": 1})
            if bar is None:
                raise RuntimeError("there are no bars to read")
            times: list[float] = []
            for _ in range(HOPS):
                began = time.perf_counter()
                bars.find_one({"_id": bar["_id"], "instrument_symbol": bar["instrument_symbol"]}, {"_id": 1})
                times.append(time.perf_counter() - began)
        add(f"find by key, {where}, median", statistics.median(times) * 1e3, "ms", f"{HOPS} times")
