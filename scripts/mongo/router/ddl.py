"""Changes of databases, collections and indexes: the internal commands that mongos 6.0 sends for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson.int64 import Int64

from mongo.router import raw
from mongo.router.errors import CommandError, checked, is_stale
from mongo.router.raw import Document
from mongo.router.reads import ask_shards, is_absent, kept_open
from mongo.router.servers import MAJORITY, Servers, without_clients_part
from mongo.router.targeting import Placement
from mongo.router.wire import Message
from mongo.router.writes import Stale, retried

ATTEMPTS = 10


def on_primary_shard(servers: Servers, database: str, body: Mapping[str, bytes], versioned: bool) -> Document:
    """Runs a command on the shard that a database belongs to; `versioned` commands say which one they take it for."""
    for _ in range(ATTEMPTS):
        entry = servers.database_made(database)
        elements = without_clients_part(body)
        if versioned and "version" in entry:
            elements["databaseVersion"] = raw.element("databaseVersion", entry["version"])
        reply = raw.decode(servers.ask(entry["primary"], Message(elements)))
        if not is_stale(reply):
            break
        servers.shared.catalog.forget_database(database)
    return kept_open(servers, {entry["primary"]: reply})


def coordinated(servers: Servers, message: Message, internal_name: str, value: Any) -> Document:
    """Lets the primary shard coordinate a change on all shards."""
    body = {internal_name: raw.element(internal_name, value)}
    body.update({name: element for name, element in message.body.items() if name != message.name})
    body["writeConcern"] = raw.element("writeConcern", MAJORITY)
    try:
        return on_primary_shard(servers, message.database, body, versioned=True)
    finally:
        servers.shared.catalog.forget_database(message.database)


def create(servers: Servers, message: Message) -> Document:
    body = {"writeConcern": raw.element("writeConcern", MAJORITY)}
    return on_primary_shard(servers, message.database, {**message.body, **body}, versioned=True)


def collection_modify(servers: Servers, message: Message) -> Document:
    if is_absent(servers, message):
        raise missing(message)
    return coordinated(servers, message, "_shardsvrCollMod", message.get("collMod"))


def drop(servers: Servers, message: Message) -> Document:
    if is_absent(servers, message):
        raise missing(message)
    return coordinated(servers, message, "_shardsvrDropCollection", message.get("drop"))


def drop_database(servers: Servers, message: Message) -> Document:
    if is_absent(servers, message):
        return dict(ok=1.0)
    return coordinated(servers, message, "_shardsvrDropDatabase", 1)


def drop_indexes(servers: Servers, message: Message) -> Document:
    if is_absent(servers, message):
        raise missing(message)
    return coordinated(servers, message, "_shardsvrDropIndexes", message.get("dropIndexes"))


def create_indexes(servers: Servers, message: Message) -> Document:
    """Creates indexes on every shard that has chunks; any other shard gets them with its first chunk."""
    servers.database_made(message.database)
    if "indexes" in message.sequences:
        message.body["indexes"] = raw.element("indexes", [raw.decode(each) for each in message.sequences["indexes"]])
    replies = ask_shards(servers, message)
    return dict(raw=dict(replies), ok=1.0)


def list_indexes(servers: Servers, message: Message) -> Document:
    """Asks the shard with the first chunk, which has every index."""
    if is_absent(servers, message):
        raise missing(message)

    def attempt(placement: Placement) -> Document:
        shard = placement.collection.chunks[0]["shard"] if placement.collection else placement.database["primary"]
        body = {**without_clients_part(message.body), **placement.versions(shard)}
        reply = raw.decode(servers.ask(shard, Message(body)))
        if is_stale(reply):
            raise Stale(reply)
        return kept_open(servers, {shard: reply})

    return retried(servers, message, attempt, creates=False)


def list_collections(servers: Servers, message: Message) -> Document:
    name = message.database
    if servers.database(name) is None:
        cursor = dict(id=Int64(0), ns=f"{name}.$cmd.listCollections", firstBatch=[])
        return dict(cursor=cursor, ok=1.0)
    return on_primary_shard(servers, name, message.body, versioned=True)


def list_databases(servers: Servers, message: Message) -> Document:
    """The names alone are true: sizes are not added up."""
    names = ["admin", "config", *(entry["_id"] for entry in servers.read_config("databases", {"filter": {}}))]
    databases = [dict(name=name) for name in names]
    if not message.get("nameOnly"):
        databases = [dict(name=name, sizeOnDisk=Int64(0), empty=False) for name in names]
    return dict(databases=databases, totalSize=Int64(0), ok=1.0)


def missing(message: Message) -> CommandError:
    namespace = f"{message.database}.{message.get(message.name)}"
    return CommandError(26, f"ns does not exist: {namespace}", "NamespaceNotFound")


# Sharding of databases and collections


def enable_sharding(servers: Servers, message: Message) -> Document:
    name = message.get("enableSharding")
    primary = {"primaryShardId": message.get("primaryShard")} if "primaryShard" in message.body else {}
    reply = checked(servers.run_on_config({"_configsvrCreateDatabase": name, **primary}))
    servers.shared.catalog.forget_database(name)
    return dict(ok=1.0) if reply["ok"] else reply


def shard_collection(servers: Servers, message: Message) -> Document:
    namespace = message.get("shardCollection")
    database, _, collection = namespace.partition(".")
    options = ("unique", "numInitialChunks", "presplitHashedZones", "collation", "timeseries")
    fields = {
        "_shardsvrCreateCollection": collection,
        "shardKey": message.get("key"),
        **{name: message.get(name) for name in options if name in message.body},
        "writeConcern": MAJORITY,
        "$db": database,
    }
    body = {name: raw.element(name, value) for name, value in fields.items()}
    try:
        checked(on_primary_shard(servers, database, body, versioned=True))
    finally:
        servers.shared.catalog.forget(namespace)
    return dict(collectionsharded=namespace, ok=1.0)
