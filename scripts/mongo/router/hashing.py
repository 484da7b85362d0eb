"""The order of values, and the hash that a hashed shard key puts in their place, as MongoDB has them."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any

from bson.decimal128 import Decimal128

from mongo.router.errors import CommandError
from mongo.router.raw import Value

# MongoDB's canonical types: values of different types compare like these numbers, all numbers being one type.
MIN_KEY, NULL, NUMBER, STRING, BINARY = -1, 5, 10, 15, 30
OBJECT_ID, BOOLEAN, DATE, TIMESTAMP, MAX_KEY = 35, 40, 45, 47, 127
CANONICAL_TYPES = {
    0xFF: MIN_KEY,
    0x0A: NULL,
    0x01: NUMBER,
    0x10: NUMBER,
    0x12: NUMBER,
    0x13: NUMBER,
    0x02: STRING,
    0x05: BINARY,
    0x07: OBJECT_ID,
    0x08: BOOLEAN,
    0x09: DATE,
    0x11: TIMESTAMP,
    0x7F: MAX_KEY,
}
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1

Position = tuple[int, Any]
"""A place in the order of values: the canonical type, and something that compares within it."""


def canonical_type(value: Value) -> int:
    kind = CANONICAL_TYPES.get(value.type)
    if kind is None:
        text = f"test router: a shard key of BSON type {value.type} is not supported"
        raise CommandError(115, text, "CommandNotSupported")
    return kind


def number(value: Value) -> Any:
    if value.type == 0x01:
        return struct.unpack("<d", value.data)[0]
    if value.type == 0x13:
        return Decimal128.from_bid(value.data).to_decimal()
    return int.from_bytes(value.data, "little", signed=True)


def position(value: Value) -> Position:
    """The place of a value in a ranged shard key."""
    kind = canonical_type(value)
    if kind == NUMBER:
        exact = number(value)
        return kind, -math.inf if exact != exact else exact
    if kind == STRING:
        return kind, value.data[4:-1]
    if kind == BINARY:
        return kind, (value.data[:4][::-1], value.data[4:])
    if kind in (DATE, TIMESTAMP):
        return kind, int.from_bytes(value.data, "little", signed=kind == DATE)
    return kind, value.data


def hashed(value: Value) -> int:
    """The hash of a value: 64 bits of an MD5 over a seed of 0, the canonical type and the value."""
    kind = canonical_type(value)
    data = value.data
    if kind == NUMBER:
        # All numbers that have the same whole part have the same hash.
        data = struct.pack("<q", whole_part(number(value)))
    digest = hashlib.md5(struct.pack("<ii", 0, kind) + data, usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def whole_part(value: Any) -> int:
    if value != value:
        return 0
    if not INT64_MIN <= value <= INT64_MAX:
        return INT64_MIN if value < 0 else INT64_MAX
    return int(value)
