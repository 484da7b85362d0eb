"""What all topologies have in common: processes below a folder, and the verbs of the script."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mongo.console import Failure, say
from mongo.process import Process, any_free_port, is_free, next_free_port, stop
from mongo.watcher import Watcher, refuse_ended


@dataclass
class Running:
    """A process that was found, or has just been started."""

    process: Process
    pid: int
    port: int


@dataclass
class PortWish:
    """Where the first process of a topology is to listen; the next ones take the next ports."""

    default: int
    """The port of a fresh topology; 0 lets the system choose."""
    explicit: int | None = None
    """The port that the person asked for."""
    advice: str = "choose another one with --port"


class Topology:
    """A deployment of MongoDB on loopback. All that it writes is below `folder`."""

    kind: ClassVar[str]
    """What `status --json` calls it."""

    def __init__(self, folder: Path, wish: PortWish) -> None:
        self.folder = folder
        self.wish = wish
        self.watcher: Watcher | None = None

    # What each kind says about itself

    @property
    def processes(self) -> list[Process]:
        """What has to run, in the order of starting; the ports follow this order."""
        raise NotImplementedError

    @property
    def all_processes(self) -> list[Process]:
        """What may run, because an earlier start was asked for something else."""
        return self.processes

    def uri(self, ports: list[int]) -> str:
        """The connection string for clients, given the ports of `processes`."""
        raise NotImplementedError

    def make_ready(self, running: list[Running]) -> None:
        """Waits until clients can use it, and sets up what has not been set up yet."""
        raise NotImplementedError

    @property
    def how_to_start(self) -> str:
        return "scripts/local-mongo up"

    # Verbs

    def up(self) -> None:
        """Starts what does not run, on the ports of last time, and leaves what runs as it is."""
        running = [find(process) for process in self.processes]
        missing = [process for process, found in zip(self.processes, running) if found is None]
        if missing:
            self.start(running)
            say(f"MongoDB is up: {self.uri([found.port for found in running if found])}")
            return
        found = [each for each in running if each]
        self.make_ready(found)
        for each in found:
            each.process.remember(each.pid, each.port)
        say(f"MongoDB is already up: {self.uri([each.port for each in found])}")

    def start(self, running: list[Running | None]) -> None:
        """Starts those processes for which nothing is in `running`, and puts them there."""
        ports = self.choose_ports(running)
        started: list[Running] = []
        try:
            for index, process in enumerate(self.processes):
                if running[index] is None:
                    each = Running(process, process.start(ports[index]), ports[index])
                    started.append(each)
                    running[index] = each
            self.make_ready([each for each in running if each])
        except BaseException:
            # So that the next start begins afresh.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stop([(each.process, each.pid) for each in started])
            for each in started:
                each.process.pid_file.unlink(missing_ok=True)
            raise

    def watch(self) -> None:
        """Begins to watch the process that it is to end with, in the place of any other."""
        if self.watcher and self.watcher.watched_pid is not None:
            refuse_ended(self.watcher.watched_pid)
            self.stop_watching()
            self.watcher.start(0)

    def stop_watching(self) -> None:
        watching = find(self.watcher) if self.watcher else None
        # A watcher that ends the others is not to end itself.
        if watching and watching.pid != os.getpid():
            stop([(watching.process, watching.pid)], at_once=True)
            watching.process.wipe()

    def down(self, at_once: bool = False) -> None:
        self.stop_watching()
        found = [each for each in map(find, self.all_processes) if each]
        stop([(each.process, each.pid) for each in found], at_once)
        for process in self.all_processes:
            process.pid_file.unlink(missing_ok=True)
        say("MongoDB is down" if found else "MongoDB is not running")

    def wipe(self) -> None:
        self.down(at_once=True)
        for process in self.all_processes:
            process.wipe()
        say("The local data is deleted")

    def print_uri(self) -> None:
        running = [find(process) for process in self.processes]
        if not all(running):
            say(f"MongoDB is not running; start it with: {self.how_to_start}")
        print(self.uri([each.port if each else self.wanted_port(index) for index, each in enumerate(running)]))

    def print_status(self, as_json: bool) -> int:
        """Prints what runs; the exit code says whether all of it does."""
        running = [find(process) for process in self.processes]
        is_up = all(running)
        ports = [each.port if each else self.wanted_port(index) for index, each in enumerate(running)]
        if as_json:
            json.dump(self.report(running, ports), sys.stdout, indent=2)
            print()
        elif is_up:
            pids = ", ".join(str(each.pid) for each in running if each)
            print(f"up: {self.uri(ports)} ({'process' if len(running) == 1 else 'processes'} {pids})")
        else:
            gone = [process.name for process, each in zip(self.processes, running) if each is None]
            print("down" if not any(running) else f"degraded: {', '.join(gone)} down")
        return 0 if is_up else 1

    def report(self, running: list[Running | None], ports: list[int]) -> dict[str, object]:
        """For programs; a process that does not run has no pid."""
        processes = [
            {"name": process.name, "role": process.role, "port": port, "pid": each.pid if each else None}
            for process, each, port in zip(self.processes, running, ports)
        ]
        return {"uri": self.uri(ports), "topology": self.kind, "processes": processes}

    # Ports

    def wanted_port(self, index: int) -> int:
        """The port that was asked for, else that of last time, else the default."""
        if self.wish.explicit:
            return self.wish.explicit + index
        remembered = self.processes[index].remembered_port
        if remembered is not None:
            return remembered
        return self.wish.default + index if self.wish.default else 0

    def choose_ports(self, running: list[Running | None]) -> list[int]:
        """A port for each process: its own where it runs, else a free one, as near to the wanted one as possible."""
        ports: list[int] = []
        taken = {each.port for each in running if each}
        for index, each in enumerate(running):
            port = each.port if each else self.choose_port(index, taken)
            taken.add(port)
            ports.append(port)
        return ports

    def choose_port(self, index: int, taken: set[int]) -> int:
        wanted = self.wanted_port(index)
        if wanted == 0:
            return next(port for port in iter(any_free_port, None) if port not in taken)
        port: int | None = wanted
        while port is not None and (port in taken or not is_free(port)):
            port = next_free_port(port + 1)
        if port is None:
            raise Failure(f"no free port from {wanted} on; {self.wish.advice}")
        if port != wanted and wanted not in taken:
            say(f"Port {wanted} is taken by something else; using {port}")
        return port


def find(process: Process) -> Running | None:
    found = process.find_running()
    return None if found is None else Running(process, *found)
