"""Measures the daemon: from the receipt of a message until it is stored, and until the rules of alerts have seen it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo

GOAL_STORED_P99_MS = 25
GOAL_ALERT_P50_MS = 1
GOAL_ALERT_P99_MS = 5
RATE = 10_000
SECONDS = 30
MAPPING = "symbol=product_id,price=price,size=size,time=time,sequence=sequence,id=trade_id,side=side"
INSTRUMENTS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]

Add = Callable[[str, float, str, str], None]


@contextmanager
def running(command: list[str], wanted: str) -> Iterator[re.Match[str]]:
    """Runs a program until the end of the block; yields what it says about itself at first."""
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield await_text(child, output, wanted)
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def await_text(child: subprocess.Popen[bytes], output: Any, wanted: str) -> re.Match[str]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and child.poll() is None:
        output.seek(0)
        if found := re.search(wanted, output.read()):
            return found
        time.sleep(0.05)
    output.seek(0)
    raise RuntimeError(f"{child.args[0]} did not begin: {output.read()[-200:]}")


class Daemon:
    """A daemon with a venue on loopback, one trade a message."""

    def __init__(self, programs: Path, uri: str, client: pymongo.MongoClient[dict[str, Any]], database: str) -> None:
        self.programs = programs
        self.uri = uri
        self.client = client
        self.database = database

    def measure(self, add: Add) -> None:
        self.client.drop_database(self.database)
        venue = [str(self.programs / "tapedesk-sample"), "venue", "--port", "0", "--rate", str(RATE)]
        venue += ["--quotes", "0", "--instruments", str(len(INSTRUMENTS)), "--for", f"{4 * SECONDS}s"]
        with tempfile.TemporaryDirectory() as folder, running(venue, r"127\.0\.0\.1:(\d+)") as found:
            configuration = self.configuration(Path(folder), int(found[1]))
            self.measure_quiet(add, configuration)
            self.measure_catching_up(add, configuration, Path(folder))

    def configuration(self, folder: Path, port: int) -> Path:
        path = folder / "tapedesk.yaml"
        path.write_text(
            f"""
service: {{ state: {folder}/state }}
http: {{ listen: "127.0.0.1:0" }}
sources:
  - {{ name: spot, venue: binance, symbols: [{", ".join(INSTRUMENTS)}], events: [trade], url: "ws://127.0.0.1:{port}" }}
  - {{ name: files, kind: spool, path: {folder}/spool, format: ndjson, map: "{MAPPING}" }}
alerts:
  - {{ name: high, price_above: 1 }}
  - {{ name: move, move: 1%, window: 1m }}
  - {{ name: volume, volume_spike: 5, window: 1m }}
  - {{ name: hole, gap: 1 }}
"""
        )
        return path

    def serve(self, configuration: Path) -> list[str]:
        words = ["serve", "--config", str(configuration), "--log", "text"]
        return [str(self.programs / "tapedesk"), *words, "--mongo", self.uri, "--database", self.database]

    def measure_quiet(self, add: Add, configuration: Path) -> None:
        with running(self.serve(configuration), r"HTTP at port (\d+)") as found:
            time.sleep(SECONDS)
            self.add_stored(add, int(found[1]), "")
            self.add_alerts(add, int(found[1]), "")

    def measure_catching_up(self, add: Add, configuration: Path, folder: Path) -> None:
        """The same, while recordings of some million events are stored as fast as they can be."""
        with running(self.serve(configuration), r"HTTP at port (\d+)") as found:
            self.spool_backlog(folder)
            time.sleep(SECONDS)
            files = self.status(int(found[1]))["files"][0]
            add("events of files stored meanwhile", files["stored_events"] / SECONDS, "1/s", "daemon, backlog")
            self.add_alerts(add, int(found[1]), ", while a backlog is stored")

    def spool_backlog(self, folder: Path) -> None:
        for seed in range(1, 9):
            draft = folder / f"backlog-{seed}.ndjson"
            command = [str(self.programs / "tapedesk-sample"), "--events", "1000000", "--instruments", "50"]
            subprocess.run([*command, "--seed", str(seed), "--out", str(draft)], check=True, capture_output=True)
            os.rename(draft, folder / "spool" / draft.name)

    def add_stored(self, add: Add, port: int, note: str) -> None:
        status = self.status(port)
        source = status["sources"][0]
        goal = f"daemon, {RATE} trades/s{note}"
        add("receipt to stored, median", source["lag_seconds_p50"] * 1e3, "ms", goal)
        add("receipt to stored, p99", source["lag_seconds_p99"] * 1e3, "ms", f"{goal}; goal {GOAL_STORED_P99_MS}")
        add("memory of the daemon", status["memory_bytes"] / 2**20, "MB", "goal 256")

    def add_alerts(self, add: Add, port: int, note: str) -> None:
        """Quantiles of a histogram: the bound that they lie below."""
        text = self.get(port, "/metrics")
        buckets = re.findall(r'tapedesk_alert_delay_seconds_bucket\{le="([^"]+)"\} (\d+)', text)
        total = int(buckets[-1][1])
        for share, goal in ((0.5, GOAL_ALERT_P50_MS), (0.99, GOAL_ALERT_P99_MS)):
            bound = next(float(bound) for bound, count in buckets if int(count) >= share * total)
            name = f"receipt to rules seen, p{share * 100:.0f} at most{note}"
            add(name, bound * 1e3, "ms", f"daemon, {RATE} trades/s; goal {goal}")

    def status(self, port: int) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.get(port, "/status"))
        return document

    @staticmethod
    def get(port: int, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())
