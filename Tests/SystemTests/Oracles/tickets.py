#!/usr/bin/env python3
"""Compares stored tickets with the recording that they came from, and prints what can be compared between databases.

    tickets.py PORT DATABASE dump                   prints tickets, histories, rejects and gaps, one JSON a line
    tickets.py PORT DATABASE records COLLECTION     prints the rejects or the gaps in the same way
    tickets.py PORT DATABASE servicenow FILE        compares with a ServiceNow audit log
    tickets.py PORT DATABASE customers FILE         compares with the table of customer support tickets
    tickets.py PORT DATABASE zendesk FILE           compares with objects of the Zendesk API
    tickets.py PORT DATABASE collections            prints the names of the collections that hold documents

A comparison prints what it counted, as one JSON document, and exits with 1 where something differs. It is written from
the formats of the recordings and from the contract of the import; it shares no code with the program and reads the
recordings with the standard library. A dump leaves out what differs from run to run: ids of operations and archives,
salts, hashes and the server's times.

Needs pymongo: scripts/local-mongo python prints the path of a Python that has it.
"""

from __future__ import annotations

import csv
import datetime
import json
import re
import sys
from collections import Counter
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

TIMEOUT_MS = 20_000
SHOWN_MAX = 20
SERVICENOW_STATUS = {
    "New": "new", "Active": "open", "Awaiting User Info": "pending", "Awaiting Evidence": "pending",
    "Awaiting Problem": "on_hold", "Awaiting Vendor": "on_hold", "Resolved": "resolved", "Closed": "closed",
}
SERVICENOW_PRIORITY = {"1 - Critical": "urgent", "2 - High": "high", "3 - Moderate": "normal", "4 - Low": "low"}
SERVICENOW_MAPPED = {
    "number", "priority", "category", "subcategory", "sys_mod_count", "incident_state", "sys_updated_by",
    "sys_updated_at", "opened_at", "assignment_group", "assigned_to", "caller_id", "u_symptom",
}
CUSTOMER_STATUS = {"Open": "open", "Pending Customer Response": "pending", "Closed": "closed"}
CUSTOMER_PRIORITY = {"Low": "low", "Medium": "normal", "High": "high", "Critical": "urgent"}
CUSTOMER_MAPPED = {
    "Ticket ID", "Customer Email", "Ticket Subject", "Ticket Description", "Ticket Status", "Resolution",
    "Ticket Priority", "First Response Time", "Time to Resolution",
}
ZENDESK_STATUS = {
    "new": "new", "open": "open", "pending": "pending", "hold": "on_hold", "solved": "resolved", "closed": "closed",
    "deleted": "closed",
}


class Differences:
    """Collects what differs, with the place where it does."""

    def __init__(self) -> None:
        self.count = 0

    def expect(self, place: str, found: Any, wanted: Any) -> None:
        if found == wanted:
            return
        self.count += 1
        if self.count <= SHOWN_MAX:
            print(f"{place} is {str(found)[:300]!r}, not {str(wanted)[:300]!r}", file=sys.stderr)


def history(database: Database, ticket: dict) -> list[dict]:
    """All events of a ticket, those in the archive first."""
    archived: dict[Any, list] = {
        document["_id"]: document["events"] for document in database.support_history.find({"ticket": ticket["_id"]})
    }
    events = [event for archive in ticket["archives"] for event in archived[archive["id"]]]
    return events + ticket["events"]


def stored(database: Database) -> dict[str, dict]:
    """The tickets by the source's names, each with its whole history."""
    tickets = {}
    for ticket in database.support_requests.find():
        ticket["events"] = history(database, ticket)
        assert ticket["external_id"] not in tickets, ticket["external_id"]
        tickets[ticket["external_id"]] = ticket
    return tickets


def moment(text: str, *layouts: str) -> datetime.datetime | None:
    for layout in layouts:
        try:
            return datetime.datetime.strptime(text, layout)
        except ValueError:
            continue
    if text:
        raise ValueError(f"{text!r} is no time")
    return None


def texts(value: Any) -> list[str]:
    """Every text within a document."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return []


# What differs from run to run.


def dump(database: Database) -> None:
    for ticket in database.support_requests.find().sort("_id"):
        events = history(database, ticket)
        told = {event["origin"].get("occurred_at") for event in events if "origin" in event}
        told |= {change.get("to") for event in events for change in event["changes"] if is_time(change.get("to"))}
        picture = {name: plain(value, told) for name, value in ticket.items() if name not in DUMP_LEAVES_OUT}
        picture["due"] = ticket["due_at"] is not None
        print(json.dumps(picture, sort_keys=True))
        for event in events:
            kept = {name: plain(event.get(name), told) for name in ("sequence", "actor", "operation", "origin")}
            kept["changes"] = [
                {name: plain(change.get(name), told) for name in ("field", "from", "to")} for change in event["changes"]
            ]
            print(json.dumps(kept, sort_keys=True))
    for name in ("rejects", "gaps"):
        records(database, name)


def records(database: Database, name: str) -> None:
    for document in database[name].find().sort("_id"):
        kept = {key: plain(value, set()) for key, value in document.items() if key not in RECORD_LEAVES_OUT}
        print(json.dumps({"collection": name} | kept, sort_keys=True))


DUMP_LEAVES_OUT = {
    "events", "last_operation_id", "updated_at", "due_at", "priority_order", "head_hash", "history_bytes", "archives",
}
# The id of a record begins with the name of the tape, which pipes and files do not share.
RECORD_LEAVES_OUT = {"_id", "last_operation_id", "source", "version"}


def is_time(value: Any) -> bool:
    return isinstance(value, datetime.datetime)


def plain(value: Any, told: set) -> Any:
    if is_time(value):
        return value.isoformat() if value in told else "by the server"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(item, told) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item, told) for item in value]
    return value


# ServiceNow


def servicenow_state(row: dict[str, str]) -> dict[str, Any]:
    value = {title: None if cell in ("", "?") else cell for title, cell in row.items()}
    category = " / ".join(part for part in (value["category"], value["subcategory"]) if part)
    subject = ": ".join(part for part in (category, value["u_symptom"]) if part) or value["number"]
    state = {
        "subject": subject, "status": SERVICENOW_STATUS[value["incident_state"]],
        "priority": value["priority"] and SERVICENOW_PRIORITY[value["priority"]],
        "group": value["assignment_group"], "assignee": value["assigned_to"], "requester": value["caller_id"],
        "description": None,
    }
    custom = {
        "custom." + title.lower(): cell
        for title, cell in value.items() if title not in SERVICENOW_MAPPED and cell is not None
    }
    return state | custom


def servicenow(database: Database, path: str) -> None:
    differences = Differences()
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_ticket: dict[str, list[dict]] = {}
    for row in rows:
        by_ticket.setdefault(row["number"], []).append(row)
    tickets = stored(database)
    differences.expect("the set of tickets", sorted(tickets), sorted(by_ticket))
    late = 0
    gaps: Counter = Counter()
    for name, own in by_ticket.items():
        ticket = tickets[name]
        events = ticket["events"]
        differences.expect(f"{name}: the number of events", len(events), len(own))
        state: dict[str, Any] = {}
        wanted: dict[str, Any] = {}
        applied: tuple[int, datetime.datetime] | None = None
        for row, event in zip(own, events):
            place = f"{name}, event {event['sequence']}"
            number = int(row["sys_mod_count"])
            time = moment(row["sys_updated_at"], "%d-%m-%Y %H:%M", "%d-%m-%Y %H:%M:%S")
            differences.expect(f"{place}: number", event["origin"]["sequence"], number)
            differences.expect(f"{place}: time", event["origin"]["occurred_at"], time)
            differences.expect(f"{place}: actor", event["actor"], row["sys_updated_by"].replace("?", "servicenow"))
            is_late = applied is not None and number <= applied[0] and time <= applied[1]
            differences.expect(f"{place}: late", event["operation"] == "late", is_late)
            if is_late:
                late += 1
                continue
            if applied is not None and number > applied[0] + 1:
                gaps[name, applied[0], number, number - applied[0] - 1] += 1
            if applied is not None and 0 < number <= applied[0]:
                gaps[name, -1, number, number] += 1
            applied = (number, time)
            for change in event["changes"]:
                state[change["field"]] = change.get("to")
            wanted = servicenow_state(row)
            found = {field: value for field, value in state.items() if is_told(field) and value is not None}
            given = {field: value for field, value in wanted.items() if value is not None}
            differences.expect(f"{place}: the fields", found, given)
        custom = {"custom." + field: value for field, value in ticket["custom"].items()}
        fields = {field: ticket[field] for field in wanted if not field.startswith("custom.")} | custom
        differences.expect(f"{name}: the ticket", fields, wanted)
        opened = moment(own[0]["opened_at"].replace("?", ""), "%d-%m-%Y %H:%M")
        if opened is not None:
            differences.expect(f"{name}: created", ticket["created_at"], opened)
    found_gaps = Counter((gap["stream"], gap["after"], gap["before"], gap["missing"]) for gap in database.gaps.find())
    differences.expect("the gaps", sorted(found_gaps.items()), sorted(gaps.items()))
    for collection in ("support_requests", "support_history", "rejects"):
        marks = sum(text == "?" for document in database[collection].find() for text in texts(document))
        differences.expect(f"texts that are '?' in {collection}", marks, 0)
    finish(differences, tickets=len(tickets), events=len(rows), gaps=sum(gaps.values()), late=late)


def is_told(field: str) -> bool:
    """Whether a field is one that the rows tell."""
    return field not in ("created_at", "tags", "flags", "deleted")


# Customer support tickets


def customers(database: Database, path: str) -> None:
    differences = Differences()
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tickets = stored(database)
    differences.expect("the number of tickets", len(tickets), len(rows))
    multiline = flagged = 0
    for row in rows:
        name = row["Ticket ID"]
        ticket = tickets[name]
        description = (ticket["description"] or "").encode()
        differences.expect(f"{name}: description", description, row["Ticket Description"].encode())
        multiline += b"\n" in description
        answered = moment(row["First Response Time"], "%Y-%m-%d %H:%M:%S")
        resolved = moment(row["Time to Resolution"], "%Y-%m-%d %H:%M:%S")
        is_odd = answered is not None and resolved is not None and resolved < answered
        flagged += "resolved_before_first_response" in ticket["flags"]
        differences.expect(f"{name}: flags", ticket["flags"], ["resolved_before_first_response"] if is_odd else [])
        differences.expect(f"{name}: answered", ticket["first_response_at"], answered)
        differences.expect(f"{name}: resolved", ticket["resolved_at"], resolved)
        for field, wanted in {
            "subject": row["Ticket Subject"], "requester": row["Customer Email"],
            "status": CUSTOMER_STATUS[row["Ticket Status"]], "priority": CUSTOMER_PRIORITY[row["Ticket Priority"]],
        }.items():
            differences.expect(f"{name}: {field}", ticket[field], wanted)
        custom = {
            re.sub("[^a-z0-9]+", "_", title.lower()): cell
            for title, cell in row.items() if title not in CUSTOMER_MAPPED and cell
        }
        differences.expect(f"{name}: custom", ticket["custom"], custom)
        comments = [
            change["to"] for event in ticket["events"] for change in event["changes"] if change["field"] == "comment"
        ]
        differences.expect(f"{name}: comments", comments, [row["Resolution"]] if row["Resolution"] else [])
        differences.expect(f"{name}: events", len(ticket["events"]), 1)
    finish(differences, tickets=len(tickets), multiline=multiline, flagged=flagged)


# Zendesk


def zendesk(database: Database, path: str) -> None:
    differences = Differences()
    with open(path, encoding="utf-8") as file:
        objects = json.load(file)
    tickets = stored(database)
    differences.expect("the set of tickets", sorted(tickets), sorted(str(item["id"]) for item in objects))
    deleted = 0
    for item in objects:
        name = str(item["id"])
        ticket = tickets[name]
        is_deleted = item["status"] == "deleted"
        deleted += ticket["deleted"]
        for field, wanted in {
            "subject": item["subject"] or name, "description": item["description"],
            "status": ZENDESK_STATUS[item["status"]], "priority": item["priority"], "tags": item["tags"],
            "requester": number_text(item["requester_id"]), "assignee": number_text(item["assignee_id"]),
            "group": number_text(item["group_id"]), "deleted": is_deleted,
            "flags": ["deleted"] if is_deleted else [],
            "created_at": moment(item["created_at"], "%Y-%m-%dT%H:%M:%SZ"),
        }.items():
            differences.expect(f"{name}: {field}", ticket[field], wanted)
        for field in ("type", "recipient"):
            if item.get(field) is not None:
                differences.expect(f"{name}: {field}", ticket["custom"].get(field), str(item[field]))
        updated = moment(item["updated_at"], "%Y-%m-%dT%H:%M:%SZ")
        differences.expect(f"{name}: updated", ticket["events"][-1]["origin"]["occurred_at"], updated)
    finish(differences, tickets=len(tickets), deleted=deleted)


def number_text(number: int | None) -> str | None:
    return None if number is None else str(number)


def finish(differences: Differences, **counts: int) -> None:
    print(json.dumps(counts | {"differences": differences.count}))
    if differences.count:
        sys.exit(1)


def collections(database: Database) -> None:
    print(json.dumps(sorted(name for name in database.list_collection_names() if database[name].find_one())))


def main() -> None:
    port, name, command, *arguments = sys.argv[1:]
    with MongoClient("127.0.0.1", int(port), directConnection=True, serverSelectionTimeoutMS=TIMEOUT_MS) as client:
        commands = {
            "dump": dump, "records": records, "servicenow": servicenow, "customers": customers,
            "zendesk": zendesk, "collections": collections,
        }
        commands[command](client[name], *arguments)


if __name__ == "__main__":
    main()
