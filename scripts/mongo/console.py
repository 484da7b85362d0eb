"""How the script speaks to the person at the terminal."""

from __future__ import annotations

import sys


class Failure(Exception):
    """Something went wrong that the person at the terminal can act on."""


def say(text: str) -> None:
    """Reports progress; stdout is for answers only."""
    print(text, file=sys.stderr, flush=True)
