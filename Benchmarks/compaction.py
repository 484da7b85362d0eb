"""Measures compaction: how fast it is, what it saves, what it costs those who write meanwhile, and what readers gain."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo

DEADLINE_S = 600.0
# Long enough for a checkpoint of the server, which takes place every minute.
LATENCY_S = 60
# What a service keeps that must not disturb.
PACE = 1_000_000


def run(command: list[str], stdout: Path | None = None) -> tuple[str, float]:
    """Runs a program to its end and answers what it printed, and the seconds that it took."""
    began = time.perf_counter()
    if stdout is None:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        return done.stdout, time.perf_counter() - began
    with open(stdout, "wb") as target:
        subprocess.run(command, stdout=target, stderr=subprocess.DEVNULL, timeout=DEADLINE_S, check=True)
    return "", time.perf_counter() - began


def results(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class Compaction:
    """Measurements on one database that holds a replayed feed."""

    def __init__(self, programs: Path, uri: str, client: pymongo.MongoClient[dict[str, Any]], database: str) -> None:
        self.programs = programs
        self.uri = uri
        self.client = client
        self.database = database

    def tapedesk(self, *arguments: str) -> list[str]:
        return [str(self.programs / "tapedesk"), *arguments, "--mongo", self.uri, "--database", self.database]

    def compact(self) -> dict[str, Any]:
        text, _ = run(self.tapedesk("compact", "--once", "--all", "--json"))
        return results(text)[0]

    def speed(self, add: Callable[[str, float, str, str], None]) -> None:
        done = self.compact()
        note = f"{done['events']:,} trades sealed, rolled up, and made into candles; goal 3,000,000"
        add("compact", done["events"] / done["seconds"], "events/s", note)
        add("compact, bytes of blocks before", done["bytes_before"] / done["events"], "B/event", "")
        add("compact, bytes of blocks after", done["bytes_after"] / done["events"], "B/event", "")

    def newest(self, add: Callable[[str, float, str, str], None]) -> None:
        command = [str(self.programs / "tapedesk-bench"), "newest", "--mongo", self.uri_with_database()]
        text, _ = run(command)
        for result in results(text):
            note = "goal 5" if result["unit"] == "ms" else ""
            add(str(result["name"]), float(result["value"]), str(result["unit"]), note)

    def uri_with_database(self) -> str:
        head, _, options = self.uri.partition("/?")
        return f"{head}/{self.database}?{options}"

    def commit_latency(self, add: Callable[[str, float, str, str], None], refill: Callable[[], None]) -> None:
        """Small commits on a database of their own: alone, then while another database is compacted."""
        self.add_latencies(add, "alone", self.latencies(), "200 trades of 10 instruments, 50 times a second")
        for pace in (PACE, None):
            refill()
            title = f"beside compact --pace {pace}" if pace else "beside compact"
            times = self.while_compacting(pace, self.latencies)
            self.add_latencies(add, title, times, "5 million trades are compacted beside it; goal of p99 1.3 times")

    def add_latencies(
        self, add: Callable[[str, float, str, str], None], title: str, times: dict[str, float], note: str
    ) -> None:
        for name in ("commit, median", "commit, p99"):
            add(f"{name}, {title}", times[name], "ms", note)

    def latencies(self) -> dict[str, float]:
        command = [str(self.programs / "tapedesk-bench"), "commit-latency", "--mongo", self.uri]
        text, _ = run([*command, "--database", "bench_latency", "--seconds", str(LATENCY_S)])
        return {str(result["name"]): float(result["value"]) for result in results(text)}

    def while_compacting(self, pace: int | None, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        command = self.tapedesk("compact", "--all", "--json", "--every", "1s")
        command += ["--pace", str(pace)] if pace else []
        compaction = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return measure()
        finally:
            compaction.send_signal(signal.SIGKILL)
            compaction.wait(timeout=60)
