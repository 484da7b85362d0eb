"""A replica set of any number of members: initiated, moved to new ports where needed, awaited."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mongo.console import Failure
from mongo.install import ROOT
from mongo.process import HOST, Mongod, Process, is_listening
from mongo.topology import PortWish, Running, Topology

if TYPE_CHECKING:
    from pymongo import MongoClient

START_DEADLINE_S = 60.0
ANSWER_MS = 3000
NOT_YET_INITIALIZED, INVALID_CONFIG, ALREADY_INITIALIZED = 94, 93, 23

MEMBER_SETTINGS = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
"""Another member takes over some two seconds after a primary was killed, instead of ten."""

TEST_PARAMETERS = (
    # Fail points, for tests.
    "enableTestCommands=1",
    # A primary that is asked to end would wait so long for the others, which are asked to end with it.
    "shutdownTimeoutMillisForSignaledShutdown=100",
)


@dataclass
class Membership:
    """What a replica set consists of, as far as its configuration tells."""

    name: str
    is_config_server: bool = False
    settings: dict[str, int] = field(default_factory=dict)

    def configuration(self, hosts: list[str]) -> dict[str, Any]:
        members = [{"_id": index, "host": host} for index, host in enumerate(hosts)]
        configuration: dict[str, Any] = {"_id": self.name, "members": members}
        if self.is_config_server:
            configuration["configsvr"] = True
        if self.settings:
            configuration["settings"] = self.settings
        return configuration


@contextmanager
def connected(port: int) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of this one server, whatever it is in its replica set."""
    import pymongo

    client: MongoClient[dict[str, Any]] = pymongo.MongoClient(
        HOST,
        port,
        directConnection=True,
        serverSelectionTimeoutMS=ANSWER_MS,
        connectTimeoutMS=ANSWER_MS,
        socketTimeoutMS=max(5000, ANSWER_MS),
    )
    with client:
        yield client


def await_replica_set(membership: Membership, running: list[Running]) -> None:
    """Waits until there is a writable primary and all members follow it; initiates the set where that was not done."""
    deadline = time.monotonic() + START_DEADLINE_S
    answer = "it does not listen"
    with ExitStack() as stack:
        clients: list[MongoClient[dict[str, Any]]] = []
        while time.monotonic() < deadline:
            refuse_ended(running)
            if all(is_listening(each.port) for each in running):
                clients = clients or [stack.enter_context(connected(each.port)) for each in running]
                answer = ask_for_primary(membership, clients, [f"{HOST}:{each.port}" for each in running])
                if answer == "yes":
                    return
            time.sleep(0.05)
    raise Failure(f"mongod was not a writable primary after {START_DEADLINE_S:.0f} s: {answer}")


def refuse_ended(running: list[Running]) -> None:
    for each in running:
        if each.process.has_ended(each.pid):
            raise Failure(
                f"{each.process.program} ended while starting; {shown(each.process.log)} ends with:\n"
                + each.process.log_tail()
            )


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def ask_for_primary(membership: Membership, clients: list[MongoClient[dict[str, Any]]], hosts: list[str]) -> str:
    """ "yes", or why not yet; a member that lacks its configuration gets it."""
    from pymongo.errors import OperationFailure, PyMongoError

    try:
        if is_ready(clients):
            return "yes"
        repair(membership, clients[0], hosts)
        return "yes" if is_ready(clients) else "not primary yet"
    except OperationFailure as error:
        return "not primary yet" if error.code == ALREADY_INITIALIZED else str(error).splitlines()[0]
    except PyMongoError as error:
        return str(error).splitlines()[0][:200]


def is_ready(clients: list[MongoClient[dict[str, Any]]]) -> bool:
    answers = [client.admin.command("hello") for client in clients]
    has_primary = any(answer.get("isWritablePrimary") for answer in answers)
    return has_primary and all(answer.get("isWritablePrimary") or answer.get("secondary") for answer in answers)


def repair(membership: Membership, client: MongoClient[dict[str, Any]], hosts: list[str]) -> None:
    from pymongo.errors import OperationFailure

    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == NOT_YET_INITIALIZED:
            client.admin.command("replSetInitiate", membership.configuration(hosts))
            return
        if error.code != INVALID_CONFIG:
            raise
    # The data was made under other ports: the members have to learn their new addresses.
    configuration = client.local["system.replset"].find_one()
    if configuration and [member["host"] for member in configuration["members"]] != hosts:
        for member, host in zip(configuration["members"], hosts):
            member["host"] = host
        configuration["version"] += 1
        client.admin.command("replSetReconfig", configuration, force=True)


class ReplicaSet(Topology):
    """A replica set by itself: for development with one member, for tests of failover with more."""

    kind = "replica set"

    def __init__(self, folder: Path, wish: PortWish, members: list[Mongod], membership: Membership) -> None:
        super().__init__(folder, wish)
        self.members = members
        self.membership = membership

    @property
    def processes(self) -> list[Process]:
        return list(self.members)

    def uri(self, ports: list[int]) -> str:
        hosts = ",".join(f"{HOST}:{port}" for port in ports)
        return f"mongodb://{hosts}/?replicaSet={self.membership.name}"

    def make_ready(self, running: list[Running]) -> None:
        await_replica_set(self.membership, running)

    @property
    def how_to_start(self) -> str:
        return "scripts/local-mongo up" + (f" --replicas {len(self.members)}" if len(self.members) > 1 else "")


def one_member(folder: Path, wish: PortWish, binary: Path) -> ReplicaSet:
    """The local MongoDB for development."""
    member = Mongod("mongod", "member", folder, binary=binary, cache_gb=1, oplog_mb=1024)
    return ReplicaSet(folder, wish, [member], Membership("rs0"))


def many_members(folder: Path, wish: PortWish, binary: Path, count: int) -> ReplicaSet:
    """A set whose members tests can kill: quick to elect, small in memory and on disk."""
    members = [
        Mongod(f"member{number}", "member", folder / f"member{number}", binary=binary, parameters=TEST_PARAMETERS)
        for number in range(1, (existing_members(folder) or count) + 1)
    ]
    return ReplicaSet(folder, wish, members, Membership("rs0", settings=MEMBER_SETTINGS))


def existing_members(folder: Path) -> int:
    """How many members a set was started with; 0 where there is none."""
    return len(list(folder.glob("member[0-9]*")))
