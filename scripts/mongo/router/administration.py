"""Chunks, zones, the balancer, shards: commands of the config server, and how mongos words them."""

from __future__ import annotations

from collections.abc import Callable


from mongo.router import raw
from mongo.router.catalog import CONFIG_SERVER, Collection
from mongo.router.errors import CommandError, checked
from mongo.router.raw import Document
from mongo.router.servers import ROUTER, Servers, without_clients_part
from mongo.router.targeting import key_of_document
from mongo.router.wire import Message

Command = Callable[[Servers, Message], Document]


def fresh_collection(servers: Servers, namespace: str) -> Collection:
    servers.shared.catalog.forget(namespace)
    collection = servers.collection(namespace)
    if collection is None:
        raise CommandError(118, f"{namespace} is not sharded", "NamespaceNotSharded")
    return collection


def chosen_chunk(collection: Collection, command: Document) -> Document:
    """The chunk that a command names by its bounds, by a document in it, or by a bound within it."""
    if "bounds" in command:
        place = collection.bound(command["bounds"][0])
    elif "find" in command:
        document = raw.join([raw.element(name, value) for name, value in command["find"].items()])
        place = collection.place(key_of_document(document, collection))
    else:
        place = collection.bound(command["middle"])
    return collection.chunk_at(place)


def move_chunk(servers: Servers, message: Message) -> Document:
    """Moves a chunk; the routing table stays as it is: that it is stale, the shards have to say."""
    command = message.decoded()
    namespace = command["moveChunk"]
    chunk = chosen_chunk(fresh_collection(servers, namespace), command)
    return servers.run_on_config(
        {
            "_configsvrMoveRange": namespace,
            "min": chunk["min"],
            "max": chunk["max"],
            "toShard": command["to"],
            "waitForDelete": bool(command.get("_waitForDelete") or command.get("waitForDelete")),
        }
    )


def move_range(servers: Servers, message: Message) -> Document:
    command = message.decoded()
    names = ("min", "max", "toShard", "waitForDelete")
    fields: Document = {name: command[name] for name in names if name in command}
    return servers.run_on_config({"_configsvrMoveRange": command["moveRange"], **fields})


def split_chunk(servers: Servers, message: Message) -> Document:
    """Splits a chunk at a value of the shard key."""
    command = message.decoded()
    namespace = command["split"]
    if "middle" not in command:
        raise CommandError(115, "test router: split takes middle only", "CommandNotSupported")
    collection = fresh_collection(servers, namespace)
    chunk = chosen_chunk(collection, command)
    shard = chunk["shard"]
    reply = servers.run(
        shard,
        "admin",
        {
            "_shardsvrSplitChunk": namespace,
            "keyPattern": collection.pattern,
            "min": chunk["min"],
            "max": chunk["max"],
            "splitKeys": [command["middle"]],
            "from": shard,
            "epoch": collection.epoch,
            "timestamp": collection.timestamp,
            "shardVersion": collection.version(shard),
        },
    )
    servers.shared.catalog.forget(namespace)
    return reply


def on_config(internal_name: str, *fields: str, is_write: bool = True) -> Command:
    """A command that the config server has under another name, with the same value and some of its fields."""

    def run(servers: Servers, message: Message) -> Document:
        names = [name for name in fields if name in message.body]
        command = {internal_name: message.get(message.name), **{name: message.get(name) for name in names}}
        if is_write:
            return servers.run_on_config(command)
        return servers.run(CONFIG_SERVER, "admin", command)

    return run


def list_shards(servers: Servers, message: Message) -> Document:
    return dict(shards=servers.read_config("shards", {"filter": {}}), ok=1.0)


def shard_map(servers: Servers, message: Message) -> Document:
    """The hosts of each shard, and of the config server."""
    shards = {entry["_id"]: entry["host"] for entry in servers.read_config("shards", {"filter": {}})}
    identity = checked(servers.run(CONFIG_SERVER, "admin", {"hello": 1}))
    shards[CONFIG_SERVER] = f"{identity['setName']}/{','.join(identity['hosts'])}"
    hosts = {host: name for name, text in shards.items() for host in text.partition("/")[2].split(",")}
    return dict(map=shards, hosts=hosts, ok=1.0)


def flush_router_config(servers: Servers, message: Message) -> Document:
    servers.shared.catalog.forget_all()
    return servers.run(ROUTER, "admin", {"flushRouterConfig": message.get("flushRouterConfig")})


# Sessions


def end_sessions(servers: Servers, message: Message) -> Document:
    for session in message.get("endSessions"):
        servers.shared.transactions.pop(bytes(session["id"]), None)
    return on_router(servers, message)


def kill_sessions(servers: Servers, message: Message) -> Document:
    """Ends sessions, and with them what they have under way, on all shards."""
    shards = [entry["_id"] for entry in servers.read_config("shards", {"filter": {}})]
    for server in [*shards, ROUTER]:
        checked(raw.decode(servers.ask(server, Message(without_clients_part(message.body)))))
    return dict(ok=1.0)


# What the router tells about itself


def ping(servers: Servers, message: Message) -> Document:
    return dict(ok=1.0)


def is_router(servers: Servers, message: Message) -> Document:
    return dict(isdbgrid=1, hostname="test router", ok=1.0)


def on_router(servers: Servers, message: Message) -> Document:
    """What the router mongod can answer in the router's place."""
    return raw.decode(servers.ask(ROUTER, Message(without_clients_part(message.body))))
