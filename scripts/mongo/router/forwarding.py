"""Commands that MongoDB's own router code runs, in the router mongod."""

from __future__ import annotations

import time

from mongo.router import raw
from mongo.router.errors import STALE_CODES, CommandError
from mongo.router.servers import ROUTER, Servers
from mongo.router.wire import Message
from mongo.router.writes import STALE_DEADLINE_S, STALE_PAUSE_S

ROUTER_NAMES = {
    "find": "clusterFind",
    "aggregate": "clusterAggregate",
    "getMore": "clusterGetMore",
    "insert": "clusterInsert",
    "update": "clusterUpdate",
    "delete": "clusterDelete",
}
NOT_SUPPORTED = 115


def renamed(body: dict[str, bytes]) -> dict[str, bytes]:
    """A command under the name that it has in the router mongod."""
    name, element = next(iter(body.items()))
    router_name = ROUTER_NAMES[name]
    value = element[len(name) + 2 :]
    renamed_element = element[:1] + router_name.encode() + b"\0" + value
    return {router_name: renamed_element, **{key: other for key, other in body.items() if key != name}}


def forward(servers: Servers, message: Message) -> bytearray:
    """Lets the router mongod run a command; the answer is passed on as it is, but for its operation time."""
    if message.name == "aggregate":
        refuse_change_stream(message)
    body = {name: element for name, element in renamed(message.body).items() if name != "$clusterTime"}
    deadline = time.monotonic() + STALE_DEADLINE_S
    pause = 0.0
    while True:
        reply = servers.ask(ROUTER, Message(body, message.sequences))
        if message.name != "aggregate" or not is_stale(reply) or time.monotonic() > deadline:
            servers.shared.clock.set_operation_time(reply)
            return reply
        # The others read the routing table anew by themselves; this one leaves that to its caller.
        servers.run(ROUTER, "admin", {"flushRouterConfig": f"{message.database}.{message.get('aggregate')}"})
        time.sleep(pause)
        pause = min(pause + STALE_PAUSE_S, 0.1)


def is_stale(reply: bytearray) -> bool:
    field = raw.find(reply, b"code")
    return field is not None and int.from_bytes(reply[field.value : field.end], "little") in STALE_CODES


def refuse_change_stream(message: Message) -> None:
    for stage in message.documents("pipeline")[:1]:
        if raw.find(stage, b"$changeStream"):
            text = "test router: change streams would abort the router mongod"
            raise CommandError(NOT_SUPPORTED, text, "CommandNotSupported")


def explain(servers: Servers, message: Message) -> bytearray:
    """Explains a command that the router mongod knows under another name."""
    explained = raw.split(raw.element_document(message.body["explain"]))
    name = next(iter(explained))
    if name not in ROUTER_NAMES:
        raise CommandError(59, f"test router: explain of {name} is not supported", "CommandNotFound")
    inner = {key: element for key, element in renamed(explained).items() if key not in ("$db", "$clusterTime")}
    body = {**message.body, "explain": b"\x03explain\0" + raw.join(inner.values())}
    return servers.ask(ROUTER, Message({key: element for key, element in body.items() if key != "$readPreference"}))

