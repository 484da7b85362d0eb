"""Measures the desk: many agents on few tickets, and commands on a database with many tickets.

Used by bench.py, which runs the children and prints the tables.
"""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pymongo

GOAL_LIST_MS = 100
GOAL_SET_MS = 60
RUNS = 30
WARM_UPS = 3
COMMAND_DEADLINE_S = 60.0


class CommandFailed(Exception):
    """A command that ended with another code than 0, and what it said."""


@dataclass(frozen=True)
class Comparison:
    """A figure of the load with versions beside that of whole documents replaced without them."""

    name: str
    unit: str
    versioned: float | None
    replaced: float | None


def compare(versioned: dict[str, Any], replaced: dict[str, Any]) -> list[Comparison]:
    """The figures of two loads by their names, in the order in which they come."""
    left = {figure["name"]: figure for figure in versioned["figures"]}
    right = {figure["name"]: figure for figure in replaced["figures"]}
    rows: list[Comparison] = []
    for name in [*left, *(name for name in right if name not in left)]:
        unit = (left.get(name) or right[name])["unit"]
        values = [side[name]["value"] if name in side else None for side in (left, right)]
        rows.append(Comparison(name, unit, values[0], values[1]))
    return rows


@dataclass(frozen=True)
class Timing:
    """How long a command took from the start of its process to the end, in milliseconds."""

    median: float
    p95: float
    goal: float | None = None

    @property
    def note(self) -> str:
        goal = "" if self.goal is None else f"; goal {self.goal:.0f}"
        return f"p95 {self.p95:.1f}, {RUNS} runs{goal}"


def time_commands(commands: Iterator[list[str]], goal: float | None = None) -> Timing:
    """Runs one command after the other; the first ones bring what they need into memory and do not count."""
    times: list[float] = []
    for number in range(WARM_UPS + RUNS):
        command = next(commands)
        began = time.perf_counter()
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_DEADLINE_S, check=False
        )
        milliseconds = (time.perf_counter() - began) * 1_000
        if result.returncode != 0:
            lines = result.stderr.decode("utf-8", "replace").strip().splitlines() or ["no output"]
            raise CommandFailed(f"{' '.join(command[1:3])} ended with code {result.returncode}: {lines[-1][:160]}")
        if number >= WARM_UPS:
            times.append(milliseconds)
    times.sort()
    return Timing(statistics.median(times), times[int(0.95 * (len(times) - 1))], goal)


def list_filters(tickets: pymongo.collection.Collection[dict[str, Any]]) -> dict[str, list[str]]:
    """The lists that are timed, by their names; words and names are taken from what is stored."""
    rare = next(
        (term for ticket in tickets.find({"terms": re.compile("^sn[0-9]")}, {"terms": 1}).limit(1)
         for term in ticket["terms"] if re.fullmatch("sn[0-9]+", term)),
        "sn0",
    )
    some = tickets.find_one({"status": "open", "tags.0": {"$exists": True}}) or {}
    agent, tag, group = some.get("assignee", "nobody"), (some.get("tags") or ["none"])[0], some.get("group", "none")
    return {
        "all": [],
        "status": ["--status", "open"],
        "assignee": ["--assignee", str(agent)],
        "assignee and status": ["--assignee", str(agent), "--status", "open"],
        "group and status": ["--group", str(group), "--status", "open"],
        "tag": ["--tag", str(tag)],
        "tag and status": ["--tag", str(tag), "--status", "open"],
        "frequent word": ["--text", "login"],
        "two frequent words": ["--text", "login password"],
        "rare word": ["--text", rare],
        "beginning of words": ["--text", "logi*"],
        "requester": ["--requester", str(some.get("requester", "none@example.com"))],
        "unassigned": ["--unassigned"],
        "overdue": ["--overdue"],
        "newer than a week": ["--newer-than", "7d"],
        "sorted by update": ["--sort", "updated"],
        "sorted by priority": ["--sort", "priority"],
        "sorted by due time": ["--sort", "due"],
        "status, sorted by priority": ["--status", "open", "--sort", "priority"],
        "unresolved, sorted by due time": ["--unresolved", "--sort", "due"],
    }


def repeated(command: list[str]) -> Iterator[list[str]]:
    while True:
        yield command


def priority_changes(
    program: str, tickets: pymongo.collection.Collection[dict[str, Any]], connection: list[str]
) -> Iterator[list[str]]:
    """Raises the priority of one ticket after the other.

    The tickets are looked up in an index alone, so that no document is in the server's memory because of that.
    """
    chance = random.Random(1)
    oldest, newest = (
        tickets.find_one({}, {"created_at": 1}, sort=[("created_at", order)]) or {} for order in (1, -1)
    )
    span = newest["created_at"] - oldest["created_at"]
    while True:
        moment = oldest["created_at"] + 0.99 * chance.random() * span
        normal = {"priority_rank": 1, "created_at": {"$gte": moment}}
        for ticket in tickets.find(normal, {"_id": 1}).sort("created_at", 1).limit(1):
            yield [program, "set", str(ticket["_id"]), "priority=high", *connection]
