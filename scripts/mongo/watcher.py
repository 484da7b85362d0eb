"""Ends a topology when the process that needed it is gone, however that ended."""

from __future__ import annotations

import os
import select
import sys
from dataclasses import dataclass
from pathlib import Path

from mongo.console import Failure
from mongo.process import Process

SCRIPT = Path(__file__).resolve().parent.parent / "local-mongo"


@dataclass
class Watcher(Process):
    """A run of the script with the verb "watch", in a session of its own."""

    selection: tuple[str, ...] = ()
    """The options that choose the topology and its folder."""
    watched_pid: int | None = None

    @property
    def program(self) -> str:
        return "python"

    @property
    def marks(self) -> list[str]:
        return ["watch", *self.selection]

    @property
    def log(self) -> Path:
        return self.folder / "watcher.log"

    def command(self, port: int) -> list[str]:
        return [sys.executable, str(SCRIPT), "watch", *self.selection, "--watch-pid", str(self.watched_pid)]


def await_end(pid: int) -> None:
    """Returns when a process is gone; at once where there is none."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor):
        select.select([descriptor], [], [])


def refuse_ended(pid: int) -> None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        raise Failure(f"there is no process {pid} to watch") from None
    except PermissionError:
        pass
