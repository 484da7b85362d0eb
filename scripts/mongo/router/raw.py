"""BSON as bytes: what is only passed on is not decoded.

An element is the bytes of one field: type, name, value. A document is taken apart into its elements, some are replaced,
and it is put together again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import bson

Document = dict[str, Any]
"""A decoded document; the order of its fields is that of the bytes."""

DOCUMENT, ARRAY, TIMESTAMP = 0x03, 0x04, 0x11
FIXED_SIZES = {
    0x01: 8,  # double
    0x06: 0,  # undefined
    0x07: 12,  # ObjectId
    0x08: 1,  # Boolean
    0x09: 8,  # date
    0x0A: 0,  # null
    0x10: 4,  # int32
    TIMESTAMP: 8,
    0x12: 8,  # int64
    0x13: 16,  # Decimal128
    0x7F: 0,  # MaxKey
    0xFF: 0,  # MinKey
}
# What an int32 in front of the value says about its size, and what comes on top of that.
PREFIXED_SIZES = {0x02: 4, DOCUMENT: 0, ARRAY: 0, 0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
REGULAR_EXPRESSION = 0x0B

read_int32 = struct.Struct("<i").unpack_from

EMPTY = b"\5\0\0\0\0"

Bytes = bytes | bytearray


class Field(NamedTuple):
    """Where a field of a document is."""

    type: int
    name: bytes
    start: int
    value: int
    end: int


class Value(NamedTuple):
    """A value as it is stored."""

    type: int
    data: bytes


def fields(document: Bytes, start: int = 0) -> Iterator[Field]:
    """The fields of the document that begins at `start`."""
    position = start + 4
    end = start + int(read_int32(document, start)[0]) - 1
    while position < end:
        kind = document[position]
        value = document.index(0, position + 1) + 1
        name = bytes(document[position + 1 : value - 1])
        size = FIXED_SIZES.get(kind)
        if size is None:
            size = variable_size(document, kind, value)
        yield Field(kind, name, position, value, value + size)
        position = value + size


def variable_size(document: Bytes, kind: int, value: int) -> int:
    if kind == REGULAR_EXPRESSION:
        return document.index(0, document.index(0, value) + 1) + 1 - value
    if kind not in PREFIXED_SIZES:
        raise ValueError(f"BSON has no type {kind}")
    return int(read_int32(document, value)[0]) + PREFIXED_SIZES[kind]


def find(document: Bytes, name: bytes, start: int = 0) -> Field | None:
    return next((field for field in fields(document, start) if field.name == name), None)


def value_at(document: Bytes, field: Field) -> Value:
    return Value(field.type, bytes(document[field.value : field.end]))


def value_of(value: object) -> Value:
    """A Python value as BSON stores it."""
    document = bson.encode({"": value})
    return Value(document[4], document[6:-1])


def split(document: Bytes) -> dict[str, bytes]:
    """The elements by name."""
    return {field.name.decode(): bytes(document[field.start : field.end]) for field in fields(document)}


def join(elements: Iterable[bytes]) -> bytes:
    content = b"".join(elements)
    return struct.pack("<i", len(content) + 5) + content + b"\0"


def element(name: str, value: object) -> bytes:
    return bytes(bson.encode({name: value})[4:-1])


def element_value(raw: bytes) -> Any:
    """The decoded value of an element."""
    return next(iter(decode(join([raw])).values()))


def documents_in(array_element: bytes) -> list[bytes]:
    """The documents of an element that is an array of documents."""
    start = array_element.index(0) + 1
    return [bytes(array_element[field.value : field.end]) for field in fields(array_element, start)]


def decode(document: Bytes) -> Document:
    decoded: Document = bson.decode(document)
    return decoded


def element_document(raw: bytes | None) -> bytes:
    """The document that an element holds; an empty one where there is none."""
    return raw[raw.index(0) + 1 :] if raw and raw[0] == DOCUMENT else EMPTY
