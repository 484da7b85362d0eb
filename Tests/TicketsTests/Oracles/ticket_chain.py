"""Checks the chain of hashes of tickets; written from docs/tickets.md, not from the Swift sources.

Reads BSON documents from the file of tickets and the file of archives, one behind the other, and prints one line of
JSON a ticket: its id, how many events it has, how many values are erased, and what is wrong.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from typing import Any, NamedTuple


class ObjectID(NamedTuple):
    raw: bytes


class Time(NamedTuple):
    milliseconds: int


def decode(data: bytes, start: int = 0) -> tuple[list[tuple[str, Any]], int]:
    """The fields of the document at `start`, in order, and where it ends."""
    end = start + struct.unpack_from("<i", data, start)[0]
    place = start + 4
    fields = []
    while data[place] != 0:
        kind = data[place]
        stop = data.index(0, place + 1)
        name = data[place + 1 : stop].decode()
        value, place = decode_value(kind, data, stop + 1)
        fields.append((name, value))
    return fields, end


def decode_value(kind: int, data: bytes, place: int) -> tuple[Any, int]:
    if kind == 0x02:
        size = struct.unpack_from("<i", data, place)[0]
        return data[place + 4 : place + 3 + size].decode(), place + 4 + size
    if kind == 0x03:
        fields, end = decode(data, place)
        return dict(fields), end
    if kind == 0x04:
        fields, end = decode(data, place)
        return [value for _, value in fields], end
    if kind == 0x05:
        size = struct.unpack_from("<i", data, place)[0]
        return data[place + 5 : place + 5 + size], place + 5 + size
    if kind == 0x07:
        return ObjectID(data[place : place + 12]), place + 12
    if kind == 0x08:
        return data[place] == 1, place + 1
    if kind == 0x09:
        return Time(struct.unpack_from("<q", data, place)[0]), place + 8
    if kind == 0x0A:
        return None, place
    if kind == 0x12:
        return struct.unpack_from("<q", data, place)[0], place + 8
    raise ValueError(f"type {kind:#x} does not occur in tickets")


def encode(fields: dict[str, Any]) -> bytes:
    body = b"".join(encode_value(name, value) for name, value in fields.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def encode_value(name: str, value: Any) -> bytes:
    key = name.encode() + b"\0"
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + key + struct.pack("<i", len(text)) + text
    if isinstance(value, dict):
        return b"\x03" + key + encode(value)
    if isinstance(value, list):
        return b"\x04" + key + encode({str(index): element for index, element in enumerate(value)})
    if isinstance(value, bytes):
        return b"\x05" + key + struct.pack("<i", len(value)) + b"\0" + value
    if isinstance(value, ObjectID):
        return b"\x07" + key + value.raw
    if isinstance(value, Time):
        return b"\x09" + key + struct.pack("<q", value.milliseconds)
    if isinstance(value, bool):
        return b"\x08" + key + bytes([value])
    if value is None:
        return b"\x0a" + key
    return b"\x12" + key + struct.pack("<q", value)


def digest(fields: dict[str, Any]) -> bytes:
    return hashlib.sha256(encode(fields)).digest()


def commitment(field: str, salt: bytes, before: Any, after: Any) -> bytes:
    return digest({"field": field, "salt": salt, "from": before, "to": after})


def event_hash(ticket: str, event: dict[str, Any]) -> bytes:
    origin = event.get("origin")
    changes = []
    for change in event["changes"]:
        if "commitment" in change:
            changes.append({"field": change["field"], "commitment": change["commitment"]})
        else:
            changes.append({"field": change["field"], "from": change["from"], "to": change["to"]})
    return digest(
        {
            "ticket": ticket,
            "previous_hash": event["previous_hash"],
            "sequence": event["sequence"],
            "time": event["time"],
            "actor": event["actor_commitment"],
            "operation": event["operation"],
            "operation_id": event["operation_id"],
            "origin": origin and {"sequence": origin["sequence"], "occurred_at": origin.get("occurred_at")},
            "changes": changes,
        }
    )


PERSONAL = {"subject", "description", "requester", "comment"}


def check(ticket: str, events: list[dict[str, Any]], head: bytes, version: int) -> tuple[int, list[str]]:
    problems = []
    erased = 0
    previous = bytes(32)
    for place, event in enumerate(events, start=1):
        if event["sequence"] != place:
            problems.append(f"event {place} has the number {event['sequence']}")
        if event["previous_hash"] != previous:
            problems.append(f"event {place} does not follow")
        if event_hash(ticket, event) != event["hash"]:
            problems.append(f"event {place} has another hash")
        if "actor" in event and event["actor_commitment"] != commitment(
            "actor", event["actor_salt"], None, event["actor"]
        ):
            problems.append(f"event {place} has another actor")
        for change in event["changes"]:
            is_sealed = "commitment" in change
            if is_sealed != (change["field"] in PERSONAL or change["field"].startswith("custom.")):
                problems.append(f"event {place} is wrong about what is sealed")
            if not is_sealed:
                continue
            if "salt" not in change:
                erased += 1
            elif change["commitment"] != commitment(change["field"], change["salt"], change["from"], change["to"]):
                problems.append(f"event {place} has another {change['field']}")
        previous = event["hash"]
    if previous != head or version != len(events):
        problems.append("the ticket does not end as its history does")
    return erased, problems


def documents(path: str) -> list[dict[str, Any]]:
    with open(path, "rb") as file:
        data = file.read()
    found = []
    place = 0
    while place < len(data):
        fields, place = decode(data, place)
        found.append(dict(fields))
    return found


def main(tickets: str, archives: str) -> None:
    archived = {archive["_id"]: archive["events"] for archive in documents(archives)}
    for ticket in documents(tickets):
        events = [event for archive in ticket["archives"] for event in archived[archive["id"]]] + ticket["events"]
        erased, problems = check(ticket["_id"], events, ticket["head_hash"], ticket["version"])
        print(json.dumps({"id": ticket["_id"], "events": len(events), "erased": erased, "problems": problems}))


if __name__ == "__main__":
    main(*sys.argv[1:])
