#!/usr/bin/env python3
"""Flips one bit of a stored block behind the back of every program, and prints the bucket and the block.

    damage_block.py PORT DATABASE INSTRUMENT

Speaks to a mongod on loopback with the standard library alone: OP_MSG, and as much BSON as that takes.
"""

from __future__ import annotations

import socket
import struct
import sys

HOST = "127.0.0.1"
OP_MSG = 2013
TIMEOUT_S = 20.0


class Binary(bytes):
    """Bytes that are BSON binary of the general subtype."""


def encode(document: dict) -> bytes:
    body = b"".join(element(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def element(name: str, value: object) -> bytes:
    key = name.encode() + b"\0"
    match value:
        case bool():
            return b"\x08" + key + bytes([value])
        case int():
            return b"\x12" + key + struct.pack("<q", value)
        case str():
            text = value.encode() + b"\0"
            return b"\x02" + key + struct.pack("<i", len(text)) + text
        case Binary():
            return b"\x05" + key + struct.pack("<ib", len(value), 0) + value
        case dict():
            return b"\x03" + key + encode(value)
        case list():
            return b"\x04" + key + encode({str(index): item for index, item in enumerate(value)})
    raise TypeError(f"cannot encode {value!r}")


def decode(data: bytes, at: int = 0) -> dict:
    (size,) = struct.unpack_from("<i", data, at)
    end = at + size - 1
    at += 4
    result = {}
    while at < end:
        kind = data[at]
        stop = data.index(b"\0", at + 1)
        name = data[at + 1 : stop].decode()
        result[name], at = value_at(kind, data, stop + 1)
    return result


FIXED = {0x01: ("<d", 8), 0x10: ("<i", 4), 0x12: ("<q", 8), 0x09: ("<q", 8), 0x11: ("<q", 8), 0x08: ("<?", 1)}
OPAQUE = {0x07: 12, 0x13: 16, 0x0A: 0}


def value_at(kind: int, data: bytes, at: int) -> tuple[object, int]:
    if kind in FIXED:
        form, size = FIXED[kind]
        return struct.unpack_from(form, data, at)[0], at + size
    if kind in OPAQUE:
        return data[at : at + OPAQUE[kind]], at + OPAQUE[kind]
    (size,) = struct.unpack_from("<i", data, at)
    if kind == 0x02:
        return data[at + 4 : at + 3 + size].decode(), at + 4 + size
    if kind == 0x05:
        return Binary(data[at + 5 : at + 5 + size]), at + 5 + size
    if kind in (0x03, 0x04):
        inner = decode(data, at)
        return (list(inner.values()) if kind == 0x04 else inner), at + size
    raise ValueError(f"unknown BSON type {kind}")


def receive(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise ConnectionError("mongod closed the connection")
        parts += part
    return bytes(parts)


def command(connection: socket.socket, database: str, document: dict) -> dict:
    body = struct.pack("<i", 0) + b"\0" + encode(document | {"$db": database})
    connection.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, OP_MSG) + body)
    (size,) = struct.unpack("<i", receive(connection, 4))
    reply = decode(receive(connection, size - 4), 12 + 4 + 1)
    if reply.get("ok") != 1 or reply.get("writeErrors"):
        raise RuntimeError(f"mongod refused: {reply}")
    return reply


def main() -> None:
    port, database, instrument = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with socket.create_connection((HOST, port), timeout=TIMEOUT_S) as connection:
        query = {"find": "market_data", "filter": {"instrument_symbol": instrument}, "limit": 1, "singleBatch": True}
        (bucket,) = command(connection, database, query)["cursor"]["firstBatch"]
        number = len(bucket["blocks"]) - 1
        block = bytearray(bucket["blocks"][number])
        block[len(block) // 2] ^= 0x10
        change = {
            "q": {"_id": bucket["_id"], "instrument_symbol": instrument},
            "u": {"$set": {f"blocks.{number}": Binary(bytes(block))}},
        }
        reply = command(connection, database, {"update": "market_data", "updates": [change]})
        if reply["n"] != 1:
            raise RuntimeError(f"nothing was changed: {reply}")
        print(bucket["_id"])
        print(number)


if __name__ == "__main__":
    main()
