"""Messages of the wire protocol: OP_MSG, and OP_QUERY for the first hello of a driver."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bson

from mongo.process import HOST
from mongo.router import raw
from mongo.router.raw import Document

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HEADER = struct.Struct("<iiii")
CHECKSUM_PRESENT, MORE_TO_COME = 1, 2
MESSAGE_BYTES_MAX = 48_000_000

request_ids = itertools.count(1)


class Closed(ConnectionError):
    """The other side has closed the connection."""


@dataclass
class Message:
    """A command or an answer: a body, and sequences of documents that belong into it."""

    body: dict[str, bytes]
    """Elements by name; the first one is the command."""
    sequences: dict[str, list[bytes]] = field(default_factory=dict)
    wants_reply: bool = True

    @property
    def name(self) -> str:
        return next(iter(self.body))

    @property
    def database(self) -> str:
        return str(self.get("$db"))

    def get(self, name: str, default: Any = None) -> Any:
        """A decoded value of the body."""
        element = self.body.get(name)
        return default if element is None else raw.element_value(element)

    def documents(self, name: str) -> list[bytes]:
        """An array of documents, wherever it is."""
        if name in self.sequences:
            return self.sequences[name]
        element = self.body.get(name)
        return [] if element is None else raw.documents_in(element)

    def decoded(self) -> Document:
        """All of it, for commands that are not large."""
        command = raw.decode(raw.join(self.body.values()))
        for name, documents in self.sequences.items():
            command[name] = [raw.decode(document) for document in documents]
        return command


def command(database: str, fields: Mapping[str, Any]) -> Message:
    """A command of one's own."""
    return Message(raw.split(bson.encode(dict([*fields.items(), ("$db", database)]))))


def parse(payload: bytes) -> Message:
    """An OP_MSG without its header."""
    flags = struct.unpack_from("<I", payload)[0]
    end = len(payload) - (4 if flags & CHECKSUM_PRESENT else 0)
    message = Message({}, wants_reply=not flags & MORE_TO_COME)
    position = 4
    while position < end:
        kind = payload[position]
        size = int(raw.read_int32(payload, position + 1)[0])
        section = position + 1
        if kind == 0:
            message.body = raw.split(payload[section : section + size])
        else:
            name_end = payload.index(0, section + 4)
            documents = split_sequence(payload, name_end + 1, section + size)
            message.sequences[payload[section + 4 : name_end].decode()] = documents
        position = section + size
    return message


def split_sequence(payload: bytes, position: int, end: int) -> list[bytes]:
    documents = []
    while position < end:
        size = int(raw.read_int32(payload, position)[0])
        documents.append(payload[position : position + size])
        position += size
    return documents


def serialize(message: Message) -> bytes:
    """The payload of an OP_MSG."""
    flags = 0 if message.wants_reply else MORE_TO_COME
    parts = [struct.pack("<IB", flags, 0), raw.join(message.body.values())]
    for name, documents in message.sequences.items():
        content = b"".join(documents)
        label = name.encode() + b"\0"
        parts += [struct.pack("<Bi", 1, 4 + len(label) + len(content)), label, content]
    return b"".join(parts)


def reply_payload(document: bytes | bytearray) -> bytes:
    return struct.pack("<IB", 0, 0) + document


class Connection:
    """One connection, to a client or to a server."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected

    @classmethod
    def to_port(cls, port: int) -> Connection:
        return cls(socket.create_connection((HOST, port), timeout=None))

    def close(self) -> None:
        self.socket.close()

    def receive(self) -> tuple[int, int, bytes]:
        """Request id, operation and payload of the next message."""
        size, request, _, operation = HEADER.unpack(self.receive_bytes(HEADER.size))
        if not HEADER.size <= size <= MESSAGE_BYTES_MAX:
            raise Closed("a message of impossible size")
        return request, operation, bytes(self.receive_bytes(size - HEADER.size))

    def receive_bytes(self, count: int) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            received = self.socket.recv_into(view)
            if received == 0:
                raise Closed("the connection was closed")
            view = view[received:]
        return buffer

    def send(self, payload: bytes, operation: int = OP_MSG, response_to: int = 0) -> None:
        header = HEADER.pack(HEADER.size + len(payload), next(request_ids), response_to, operation)
        self.socket.sendall(header + payload)

    def send_message(self, message: Message) -> None:
        self.send(serialize(message))

    def receive_reply(self) -> bytearray:
        """The document of an answer."""
        _, operation, payload = self.receive()
        if operation != OP_MSG or payload[4] != 0:
            raise Closed(f"an answer of another kind: operation {operation}")
        return bytearray(payload[5:])
