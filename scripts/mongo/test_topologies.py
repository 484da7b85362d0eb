#!/usr/bin/env python3
"""Tests of scripts/local-mongo: what its verbs do for each topology, in temporary folders.

    $(scripts/local-mongo python) scripts/mongo/test_topologies.py
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from pymongo import MongoClient

SCRIPT = str(Path(__file__).resolve().parent.parent / "local-mongo")
DEADLINE_S = 60.0


class TopologyTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tapedesk-topology-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def script(self, *words: str, code: int = 0, environment: dict[str, str] | None = None) -> str:
        result = subprocess.run(
            [sys.executable, SCRIPT, *words, "--folder", str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout.strip() + result.stderr.strip() if code else result.stdout.strip()

    def status(self, *options: str, code: int = 0) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.script("status", *options, "--json", code=code))
        return status

    def eventually(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)


def connected(uri: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, serverSelectionTimeoutMS=30_000, w="majority")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class OneMember(TopologyTest):
    def test_verbs(self) -> None:
        self.addCleanup(self.script, "wipe")
        self.script("up")
        uri = self.script("uri")
        self.assertRegex(uri, r"^mongodb://127\.0\.0\.1:\d+/\?replicaSet=rs0$")
        with connected(uri) as client:
            client.test.numbers.insert_one({"_id": 1})
        pid = self.status()["processes"][0]["pid"]
        self.assertEqual(self.script("status"), f"up: {uri} (process {pid})")
        self.script("up")
        self.assertEqual(self.status()["processes"][0]["pid"], pid)
        self.script("down")
        self.assertFalse(is_running(pid))
        self.assertEqual(self.script("status", code=1), "down")
        self.script("up")
        self.assertEqual(self.script("uri"), uri)
        with connected(uri) as client:
            self.assertEqual(client.test.numbers.count_documents({}), 1)
        self.script("wipe")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["lock"])

    def test_moves_to_another_port(self) -> None:
        self.addCleanup(self.script, "wipe")
        self.script("up")
        port = self.status()["processes"][0]["port"]
        self.script("down")
        with socket.create_server(("127.0.0.1", port)):
            self.script("up")
            status = self.status()
            self.assertNotEqual(status["processes"][0]["port"], port)
            with connected(status["uri"]) as client:
                client.test.numbers.insert_one({})


class Replicas(TopologyTest):
    OPTIONS = ("--replicas", "3")

    def test_another_member_takes_over(self) -> None:
        self.addCleanup(self.script, "wipe", *self.OPTIONS)
        self.script("up", *self.OPTIONS)
        status = self.status(*self.OPTIONS)
        self.assertEqual((status["topology"], len(status["processes"])), ("replica set", 3))
        with connected(status["uri"]) as client:
            client.test.numbers.insert_one({"_id": 1})
            self.assertEqual(len(client.nodes), 3)
            _, port = client.primary or ("", 0)
            pids = {process["port"]: process["pid"] for process in status["processes"]}
            os.kill(pids[port], signal.SIGKILL)
            client.test.numbers.insert_one({"_id": 2})
            self.eventually(lambda: client.primary not in (None, ("127.0.0.1", port)), "no other primary")
            after = self.status(*self.OPTIONS, code=1)
            self.assertEqual([each["pid"] for each in after["processes"] if each["port"] == port], [None])
            self.assertIn("degraded", self.script("status", *self.OPTIONS, code=1))
            self.script("up", *self.OPTIONS)
            self.assertEqual(client.test.numbers.count_documents({}), 2)
        again = self.status(*self.OPTIONS)
        self.assertEqual([each["port"] for each in again["processes"]], [each["port"] for each in status["processes"]])

    def test_members_have_consecutive_ports(self) -> None:
        self.addCleanup(self.script, "wipe", *self.OPTIONS)
        self.script("up", *self.OPTIONS, "--port", "27817")
        first, second, third = [process["port"] for process in self.status(*self.OPTIONS)["processes"]]
        self.assertTrue(27817 <= first < second < third < 28017)
        self.assertIn("there are 3 members", self.script("up", "--replicas", "5", code=2))


class Endings(TopologyTest):
    """Nothing outlives the process that it was started for."""

    def watched(self, *options: str) -> tuple[subprocess.Popen[bytes], list[int]]:
        process = subprocess.Popen(["sleep", "600"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.script("up", *options, "--watch-pid", str(process.pid))
        return process, [each["pid"] for each in self.status(*options)["processes"]]

    def test_all_of_it_ends_with_the_watched_process(self) -> None:
        for options in ([], ["--replicas", "3"], ["--sharded"]):
            process, pids = self.watched(*options)
            self.assertTrue(all(is_running(pid) for pid in pids))
            process.kill()
            self.eventually(lambda: not any(is_running(pid) for pid in pids), "processes stay")
            self.eventually(lambda: not self.folder.exists(), "the folder stays")

    def test_down_ends_the_watcher(self) -> None:
        process, _ = self.watched()
        watcher = int((self.folder / "watcher" / "python.pid").read_text(encoding="ascii"))
        self.assertTrue(is_running(watcher))
        self.script("down")
        self.assertFalse(is_running(watcher))
        self.assertTrue((self.folder / "data").exists())
        process.kill()

    def test_a_watched_process_has_to_be_there(self) -> None:
        process = subprocess.Popen(["true"])
        process.wait()
        self.assertIn("no process", self.script("up", "--watch-pid", str(process.pid), code=2))


class RealRouter(TopologyTest):
    """With MONGOS, that program is the router. None is at hand here: a script stands for it and tells its arguments."""

    def test_mongos_gets_the_config_server(self) -> None:
        program = self.folder / "bin" / "mongos"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\necho "$@" > "$0.arguments"\n', encoding="ascii")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        environment = {"MONGOS": str(program)}
        self.assertIn("mongos ended while starting", self.script("up", "--sharded", code=2, environment=environment))
        config = (self.folder / "config" / "port").read_text(encoding="ascii").strip()
        arguments = Path(f"{program}.arguments").read_text(encoding="ascii")
        self.assertIn(f"--configdb config/127.0.0.1:{config} ", arguments)
        self.assertIn("not a program", self.script("up", "--sharded", code=2, environment={"MONGOS": "/nowhere"}))
        self.assertEqual(self.script("status", "--sharded", code=1), "down")
        self.script("wipe", "--sharded")


class Mistakes(TopologyTest):
    def test_options_that_make_no_sense(self) -> None:
        for words in (["up", "--shards", "2"], ["up", "--replicas", "0"], ["down", "--watch-pid", "1"], ["fly"]):
            self.assertIn("usage:", self.script(*words, code=64))
        self.assertFalse((self.folder / "lock").exists())


if __name__ == "__main__":
    unittest.main()
