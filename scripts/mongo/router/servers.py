"""The servers behind the router, as one client connection sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson.int64 import Int64

from mongo.router import raw
from mongo.router.catalog import CONFIG_SERVER, Catalog, Collection
from mongo.router.clock import ClusterClock
from mongo.router.errors import HOST_UNREACHABLE, CommandError, checked
from mongo.router.raw import Document
from mongo.router.wire import Closed, Connection, Message, command

ROUTER = "router"
"""What stands for the router mongod where a server is named."""
MAJORITY = dict(w="majority", wtimeout=60_000)
# What clients say to a router, and the router says itself.
NOT_PASSED_ON = ("$readPreference", "$client", "$clusterTime", "recoveryToken")


@dataclass
class Shared:
    """What all connections of the router share."""

    router_port: int
    config_port: int
    catalog: Catalog = field(default_factory=Catalog)
    clock: ClusterClock = field(default_factory=ClusterClock)
    cursors: dict[int, str] = field(default_factory=dict)
    """The servers of open cursors that are not the router mongod's."""
    transactions: dict[bytes, Any] = field(default_factory=dict)
    """The transaction of each session."""


class Servers:
    """Connections to servers, opened when they are needed, and used by one thread."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.connections: dict[str, Connection] = {}

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def port(self, server: str) -> int:
        if server == ROUTER:
            return self.shared.router_port
        if server == CONFIG_SERVER:
            return self.shared.config_port
        return self.shared.catalog.port(server, self.read_config)

    def connection(self, server: str) -> Connection:
        if server not in self.connections:
            self.connections[server] = Connection.to_port(self.port(server))
        return self.connections[server]

    # Sending and receiving apart lets several servers work at once.

    def send(self, server: str, message: Message) -> None:
        element = self.shared.clock.element
        if element:
            message.body["$clusterTime"] = element
        try:
            self.connection(server).send_message(message)
        except OSError as error:
            raise self.unreachable(server, error) from error

    def receive(self, server: str) -> bytearray:
        try:
            reply = self.connection(server).receive_reply()
        except OSError as error:
            raise self.unreachable(server, error) from error
        self.shared.clock.learn_from_reply(reply)
        return reply

    def unreachable(self, server: str, error: OSError) -> CommandError:
        """The connection is of no use any more, whatever else it was to bring."""
        broken = self.connections.pop(server, None)
        if broken:
            broken.close()
        text = str(error) if isinstance(error, Closed) else error.strerror or type(error).__name__
        return CommandError(HOST_UNREACHABLE, f"{server}: {text}", "HostUnreachable")

    def ask(self, server: str, message: Message) -> bytearray:
        self.send(server, message)
        return self.receive(server)

    def run(self, server: str, database: str, fields: Mapping[str, Any]) -> Document:
        """Runs a small command of one's own, whatever comes of it."""
        return raw.decode(self.ask(server, command(database, fields)))

    def run_all(self, requests: Mapping[str, Message]) -> dict[str, Document]:
        """Runs a command on each of several servers at the same time; reads all answers, also after a failure."""
        failure: CommandError | None = None
        replies: dict[str, Document] = {}
        sent = []
        for server, message in requests.items():
            try:
                self.send(server, message)
                sent.append(server)
            except CommandError as error:
                failure = error
        for server in sent:
            try:
                replies[server] = raw.decode(self.receive(server))
            except CommandError as error:
                failure = error
        if failure:
            raise failure
        return replies

    def run_on_config(self, fields: Mapping[str, Any]) -> Document:
        """Runs an internal command of the config server, durably."""
        return self.run(CONFIG_SERVER, "admin", {**fields, "writeConcern": MAJORITY})

    # Metadata

    def read_config(self, collection: str, fields: Mapping[str, Any]) -> list[Document]:
        """Reads metadata that no failover of the config server can take back."""
        find = {"find": collection, **fields, "readConcern": {"level": "majority"}}
        reply = checked(self.run(CONFIG_SERVER, "config", {**find, "batchSize": 1000}))
        documents = list(reply["cursor"]["firstBatch"])
        while reply["cursor"]["id"]:
            more = {"getMore": Int64(reply["cursor"]["id"]), "collection": collection}
            reply = checked(self.run(CONFIG_SERVER, "config", more))
            documents += reply["cursor"]["nextBatch"]
        return documents

    def collection(self, namespace: str) -> Collection | None:
        return self.shared.catalog.collection(namespace, self.read_config)

    def database(self, name: str) -> Document | None:
        return self.shared.catalog.database(name, self.read_config)

    def database_made(self, name: str) -> Document:
        """The database, which is made where it does not exist."""
        found = self.database(name)
        if found is None:
            checked(self.run_on_config({"_configsvrCreateDatabase": name}))
            found = self.database(name)
        if found is None:
            raise CommandError(26, f"database {name} was dropped at the same time", "NamespaceNotFound")
        return found


def without_clients_part(body: Mapping[str, bytes]) -> dict[str, bytes]:
    """What of a command is meant for the servers."""
    return {name: element for name, element in body.items() if name not in NOT_PASSED_ON}
