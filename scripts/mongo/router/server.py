"""Accepts clients, and gives each command to the part that knows it."""

from __future__ import annotations

import datetime
import itertools
import socket
import struct
import sys
import threading
import traceback

import bson

from mongo.process import HOST
from mongo.router import administration, ddl, forwarding, raw, reads, transactions, wire
from mongo.router.administration import Command, on_config, on_router
from mongo.router.errors import HOST_UNREACHABLE, RETRYABLE_WRITE, CommandError, Refused
from mongo.router.raw import Document
from mongo.router.servers import Servers, Shared
from mongo.router.wire import Closed, Connection, Message
from mongo.router.writes import STATEMENTS, BulkWrite, find_and_modify

WIRE_VERSION_MAX = 17
"""That of MongoDB 6.0."""

HELLO_NAMES = ("hello", "isMaster", "ismaster")
FIND_AND_MODIFY_NAMES = ("findAndModify", "findandmodify")

COMMANDS: dict[str, Command] = {
    "abortTransaction": transactions.abort,
    "addShardToZone": on_config("_configsvrAddShardToZone", "zone"),
    "balancerCollectionStatus": on_config("_configsvrBalancerCollectionStatus", is_write=False),
    "balancerStart": on_config("_configsvrBalancerStart", is_write=False),
    "balancerStatus": on_config("_configsvrBalancerStatus", is_write=False),
    "balancerStop": on_config("_configsvrBalancerStop", "maxTimeMS", is_write=False),
    "buildInfo": on_router,
    "buildinfo": on_router,
    "collMod": ddl.collection_modify,
    "commitTransaction": transactions.commit,
    "connectionStatus": on_router,
    "count": reads.count,
    "create": ddl.create,
    "createIndexes": ddl.create_indexes,
    "distinct": reads.distinct,
    "drop": ddl.drop,
    "dropDatabase": ddl.drop_database,
    "dropIndexes": ddl.drop_indexes,
    "enableSharding": ddl.enable_sharding,
    "endSessions": administration.end_sessions,
    "flushRouterConfig": administration.flush_router_config,
    "getCmdLineOpts": on_router,
    "getLog": on_router,
    "getParameter": on_router,
    "getShardMap": administration.shard_map,
    "hostInfo": on_router,
    "isdbgrid": administration.is_router,
    "killCursors": reads.kill_cursors,
    "killSessions": administration.kill_sessions,
    "listCollections": ddl.list_collections,
    "listDatabases": ddl.list_databases,
    "listIndexes": ddl.list_indexes,
    "listShards": administration.list_shards,
    "moveChunk": administration.move_chunk,
    "moveRange": administration.move_range,
    "ping": administration.ping,
    "refreshSessions": on_router,
    "removeShardFromZone": on_config("_configsvrRemoveShardFromZone", "zone"),
    "serverStatus": on_router,
    "shardCollection": ddl.shard_collection,
    "split": administration.split_chunk,
    "startSession": on_router,
    "updateZoneKeyRange": on_config("_configsvrUpdateZoneKeyRange", "min", "max", "zone"),
    "whatsmyuri": on_router,
}

connection_ids = itertools.count(1)


class Session:
    """One connection of a client, served by one thread."""

    def __init__(self, client: Connection, shared: Shared) -> None:
        self.client = client
        self.shared = shared
        self.servers = Servers(shared)
        self.id = next(connection_ids)

    def run(self) -> None:
        """Answers until the client goes."""
        try:
            while True:
                self.serve(*self.client.receive())
        except OSError:
            pass
        finally:
            self.servers.close()
            self.client.close()

    def serve(self, request: int, operation: int, payload: bytes) -> None:
        if operation == wire.OP_QUERY:
            # Drivers open a connection with a hello in the old form.
            document = bson.encode(self.hello())
            head = struct.pack("<iqii", 8, 0, 0, 1)
            self.client.send(head + document, wire.OP_REPLY, request)
            return
        if operation != wire.OP_MSG:
            raise Closed(f"operation {operation} is not understood")
        message = wire.parse(payload)
        reply = self.answer(message)
        if message.wants_reply:
            self.client.send(wire.reply_payload(reply), response_to=request)

    def answer(self, message: Message) -> bytes | bytearray:
        try:
            if "$clusterTime" in message.body:
                self.shared.clock.learn(message.body["$clusterTime"])
            answer = self.dispatch(message)
        except CommandError as error:
            answer = labelled(error, message).reply
        except Refused as refused:
            answer = refused.reply
        except Exception:
            # A fault of the router itself: the client shall see it, and the log say where it was.
            traceback.print_exc(file=sys.stderr)
            text = f"test router: {traceback.format_exc(limit=-1)}"
            answer = CommandError(8, text, "UnknownError").reply
        return answer if isinstance(answer, bytearray) else self.encoded(answer)

    def encoded(self, answer: Document) -> bytes:
        """An answer that did not come from one server as it is."""
        own = {"$clusterTime", "lastCommittedOpTime", "$gleStats", "$configTime", "$topologyTime"}
        elements = raw.split(bson.encode(dict((name, value) for name, value in answer.items() if name not in own)))
        return raw.join({**self.shared.clock.elements(), **elements}.values())

    def hello(self) -> Document:
        now = datetime.datetime.now(datetime.timezone.utc)
        return dict(
            ismaster=True,
            isWritablePrimary=True,
            msg="isdbgrid",
            helloOk=True,
            maxBsonObjectSize=16 << 20,
            maxMessageSizeBytes=wire.MESSAGE_BYTES_MAX,
            maxWriteBatchSize=100_000,
            localTime=now,
            logicalSessionTimeoutMinutes=30,
            connectionId=self.id,
            maxWireVersion=WIRE_VERSION_MAX,
            minWireVersion=0,
            ok=1.0,
        )

    # Which way a command takes

    def dispatch(self, message: Message) -> Document | bytearray:
        name = message.name
        if name in HELLO_NAMES:
            return self.hello()
        if name == "explain":
            return forwarding.explain(self.servers, message)
        if name == "getMore":
            return reads.get_more(self.servers, message) or forwarding.forward(self.servers, message)
        if name in COMMANDS and not (name == "count" and "autocommit" in message.body):
            return COMMANDS[name](self.servers, message)
        if "autocommit" in message.body:
            return transactions.run_statement(self.servers, message, lambda each: self.transact(message, each))
        if name in FIND_AND_MODIFY_NAMES:
            return find_and_modify(self.servers, message, None)
        if name in STATEMENTS and "txnNumber" in message.body:
            return BulkWrite(self.servers, message, None).run()
        if name in forwarding.ROUTER_NAMES:
            return forwarding.forward(self.servers, message)
        raise unknown(name)

    def transact(self, message: Message, transaction: transactions.Transaction) -> Document:
        if message.name in STATEMENTS:
            return BulkWrite(self.servers, message, transaction).run()
        if message.name in FIND_AND_MODIFY_NAMES:
            return find_and_modify(self.servers, message, transaction)
        if message.name == "find":
            return reads.find(self.servers, message, transaction)
        if message.name == "aggregate":
            return reads.aggregate(self.servers, message, transaction)
        raise unknown(message.name)


def unknown(name: str) -> CommandError:
    return CommandError(59, f"no such command: '{name}' (test router)", "CommandNotFound")


def labelled(error: CommandError, message: Message) -> CommandError:
    """The label that lets a driver repeat a retryable write, where a server was out of reach."""
    is_retryable = "txnNumber" in message.body and "autocommit" not in message.body
    if error.code == HOST_UNREACHABLE and is_retryable:
        error.labels = (RETRYABLE_WRITE,)
    return error


def serve(port: int, shared: Shared) -> None:
    """Listens for ever."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
        while True:
            accepted, _ = listener.accept()
            session = Session(Connection(accepted), shared)
            threading.Thread(target=session.run, daemon=True).start()
