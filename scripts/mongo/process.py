"""One process of a topology: its folder and port, how it is found again, how it ends."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mongo.console import Failure

HOST = "127.0.0.1"
STOP_DEADLINE_S = 30.0
KILL_DEADLINE_S = 5.0
LOG_LIMIT_BYTES = 32 << 20


@dataclass
class Process:
    """A program that outlives the run that starts it.

    Process ids are reused, so the note of one is a hint only: the truth is a command line that names the folder.
    """

    name: str
    role: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, port: int) -> list[str]:
        """The program and its arguments; `marks` are among them, and the port follows "--port"."""
        raise NotImplementedError

    @property
    def program(self) -> str:
        """What the first word of the command line contains."""
        raise NotImplementedError

    @property
    def marks(self) -> list[str]:
        """Arguments that no other process has together."""
        return [str(self.folder)]

    @property
    def log(self) -> Path:
        return self.folder / f"{self.program}.log"

    @property
    def output(self) -> Path:
        return self.folder / f"{self.program}.out"

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.program}.pid"

    @property
    def port_file(self) -> Path:
        return self.folder / "port"

    # Finding it

    def is_ours(self, pid: int) -> bool:
        """Tells whether a process is this one; process ids are reused, command lines tell."""
        try:
            arguments = command_line(pid)
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return False
        is_alive = bool(state) and state[0] != "Z"
        is_marked = all(os.fsencode(mark) in arguments for mark in self.marks)
        return is_alive and self.program.encode() in arguments[0] and is_marked

    def find_running(self) -> tuple[int, int] | None:
        """Process id and port."""
        noted = read_number(self.pid_file)
        everyone = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        for pid in itertools.chain([] if noted is None else [noted], everyone):
            if self.is_ours(pid):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    return pid, port_in(command_line(pid))
        return None

    @property
    def remembered_port(self) -> int | None:
        return read_number(self.port_file)

    def remember(self, pid: int, port: int) -> None:
        self.pid_file.write_text(f"{pid}\n", encoding="ascii")
        self.port_file.write_text(f"{port}\n", encoding="ascii")

    def wipe(self) -> None:
        """Deletes what it left in its folder, and the folder where nothing else is in it."""
        for leftover in (*self.folder.glob(f"{self.log.name}*"), self.output, self.pid_file, self.port_file):
            leftover.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    # Starting and stopping it

    def start(self, port: int) -> int:
        """Starts it and tells its process id; whether it then works is for others to find out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT_BYTES:
                self.log.unlink()
        # A session of its own: Ctrl-C in the terminal must not reach the server.
        with open(self.output, "wb") as output:
            process = subprocess.Popen(
                self.command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        self.remember(process.pid, port)
        # Whoever waits for its end does so by process id, as a later run has to.
        process.returncode = 0
        return process.pid

    def log_tail(self) -> str:
        """The last complaints, or the last lines."""
        lines: list[str] = []
        for path in (self.log, self.output):
            with contextlib.suppress(OSError):
                lines += path.read_text(encoding="utf-8", errors="replace").splitlines()[-200:]
        complaints = [line for line in lines if '"s":"E"' in line or '"s":"F"' in line or not line.startswith("{")]
        return "\n".join((complaints or lines)[-5:])

    def has_ended(self, pid: int) -> bool:
        try:
            # A process that this very run has started is our child, and would stay a zombie. Of a child one need not
            # ask for the command line, which it has a moment after its start only.
            return os.waitpid(pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return not self.is_ours(pid)


def command_line(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def port_in(arguments: list[bytes]) -> int:
    """The port in a command line; 0 for a program that listens on none."""
    return int(arguments[arguments.index(b"--port") + 1]) if b"--port" in arguments else 0


def read_number(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def stop(processes: Iterable[tuple[Process, int]], at_once: bool = False) -> None:
    """Asks processes to end, all of them before it waits, then insists; `at_once` does not ask."""
    remaining = list(processes)
    steps = [(signal.SIGTERM, STOP_DEADLINE_S), (signal.SIGKILL, KILL_DEADLINE_S)]
    for number, patience in steps[1:] if at_once else steps:
        for _, pid in remaining:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while remaining and time.monotonic() < deadline:
            remaining = [(process, pid) for process, pid in remaining if not process.has_ended(pid)]
            if remaining:
                time.sleep(0.02)
    for process, pid in remaining:
        raise Failure(f"{process.program} (process {pid}) does not end")


@dataclass
class Mongod(Process):
    """A mongod as a member of a replica set."""

    binary: Path = Path("mongod")
    replica_set: str = "rs0"
    cache_gb: float = 0.25
    oplog_mb: int = 64
    flags: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        return "mongod"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def marks(self) -> list[str]:
        return [str(self.data)]

    def command(self, port: int) -> list[str]:
        self.data.mkdir(parents=True, exist_ok=True)
        command = [str(self.binary), *self.flags, "--replSet", self.replica_set, "--bind_ip", HOST, "--port", str(port)]
        command += ["--dbpath", str(self.data), "--logpath", str(self.log), "--logappend", "--nounixsocket"]
        command += ["--wiredTigerCacheSizeGB", str(self.cache_gb), "--oplogSize", str(self.oplog_mb)]
        for parameter in ("diagnosticDataCollectionEnabled=false", *self.parameters):
            command += ["--setParameter", parameter]
        return command

    def wipe(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
        super().wipe()


# Ports


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def next_free_port(wanted: int) -> int | None:
    """The first free one from `wanted` on, 200 at most."""
    return next((port for port in range(wanted, min(wanted + 200, 65536)) if is_free(port)), None)


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
