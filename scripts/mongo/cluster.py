"""A sharded cluster of real mongod processes, with a router in front.

The config server, the shards, their metadata, version checks, migrations, balancer and two-phase commit are MongoDB's
own. The router is the mongos that the environment variable MONGOS names; else it is the test router (`mongo.router`),
with a mongod behind it that belongs to no shard and runs MongoDB's own router code for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mongo.console import Failure
from mongo.process import HOST, Mongod, Process, is_listening
from mongo.replica_set import START_DEADLINE_S, TEST_PARAMETERS, Membership, await_replica_set, connected, refuse_ended
from mongo.topology import PortWish, Running, Topology

if TYPE_CHECKING:
    from pymongo import MongoClient

SCRIPTS = Path(__file__).resolve().parent.parent
DEFAULT_SHARDS = 2
CONFIG_SERVER, ROUTER_MONGOD, FRONT, MONGOS, SHARD = "config", "router", "front", "mongos", "shard"
MAJORITY = {"w": "majority", "wtimeout": 60_000}
FEATURE_COMPATIBILITY = "6.0"

CLUSTER_FLAGS = (
    # In milliseconds. A read as of a time waits until servers that have nothing to write have journaled that time.
    "--journalCommitInterval",
    "5",
)
SHARD_PARAMETERS = (
    # Shards delete what a migration left behind after 15 minutes, in case that reads still need it.
    "orphanCleanupDelaySecs=1",
)


@dataclass
class Front(Process):
    """The test router: a Python process that speaks the wire protocol."""

    router_port_of: Process | None = None
    config_port_of: Process | None = None

    @property
    def program(self) -> str:
        return "python"

    @property
    def log(self) -> Path:
        return self.folder / "front.log"

    def command(self, port: int) -> list[str]:
        router, config = (port_of(process) for process in (self.router_port_of, self.config_port_of))
        command = [sys.executable, "-m", "mongo.router", "--folder", str(self.folder), "--port", str(port)]
        return [*command, "--router-port", str(router), "--config-port", str(config)]


@dataclass
class Mongos(Process):
    """A real mongos."""

    binary: Path = Path("mongos")
    config_port_of: Process | None = None

    @property
    def program(self) -> str:
        return "mongos"

    @property
    def marks(self) -> list[str]:
        return [str(self.log)]

    def command(self, port: int) -> list[str]:
        config = f"{CONFIG_SERVER}/{HOST}:{port_of(self.config_port_of)}"
        command = [str(self.binary), "--configdb", config, "--bind_ip", HOST, "--port", str(port), "--nounixsocket"]
        return [*command, "--logpath", str(self.log), "--logappend", "--setParameter", "enableTestCommands=1"]


def port_of(process: Process | None) -> int:
    """The port of a process that was started before."""
    port = process.remembered_port if process else None
    if port is None:
        raise Failure("the parts of the cluster were started in the wrong order")
    return port


class ShardedCluster(Topology):
    """One config server, shards of one member each, and one router."""

    kind = "sharded"

    def __init__(self, folder: Path, wish: PortWish, binary: Path, mongos: Path | None, shard_count: int) -> None:
        super().__init__(folder, wish)
        self.config = self.mongod(binary, CONFIG_SERVER, "config server", "--configsvr")
        self.shards = [
            self.mongod(binary, f"{SHARD}{number}", "shard", "--shardsvr", *SHARD_PARAMETERS)
            for number in range(1, shard_count + 1)
        ]
        self.router = self.mongod(binary, ROUTER_MONGOD, "router", "--shardsvr")
        environment = {"PYTHONPATH": str(SCRIPTS), "PYTHONUNBUFFERED": "1"}
        self.front = Front(FRONT, "front", folder / FRONT, environment, self.router, self.config)
        self.mongos = Mongos(MONGOS, "mongos", folder / MONGOS, {}, mongos or Path("mongos"), self.config)
        self.uses_mongos = mongos is not None

    def mongod(self, binary: Path, name: str, role: str, flag: str, *parameters: str) -> Mongod:
        """A member of a set of its own, which is called like the member."""
        return Mongod(
            name,
            role,
            self.folder / name,
            binary=binary,
            replica_set=name,
            flags=(flag, *CLUSTER_FLAGS),
            parameters=(*TEST_PARAMETERS, *parameters),
        )

    @property
    def processes(self) -> list[Process]:
        entrance: list[Process] = [self.mongos] if self.uses_mongos else [self.router, self.front]
        return [self.config, *self.shards, *entrance]

    @property
    def all_processes(self) -> list[Process]:
        return [self.front, self.mongos, self.router, *self.shards, self.config]

    def uri(self, ports: list[int]) -> str:
        return f"mongodb://{HOST}:{ports[-1]}/"

    @property
    def how_to_start(self) -> str:
        return "scripts/local-mongo up --sharded"

    def wanted_port(self, index: int) -> int:
        """As for every topology, but the front has the first port: it is the one that people type."""
        remembered = self.processes[index].remembered_port
        base = self.wish.explicit or self.wish.default
        if remembered is not None:
            return remembered
        return base + (index + 1) % len(self.processes) if base else 0

    def choose_port(self, index: int, taken: set[int]) -> int:
        process = self.processes[index]
        port = super().choose_port(index, taken)
        # The metadata of the cluster names the ports of its mongod processes.
        if isinstance(process, Mongod) and process.remembered_port not in (None, port):
            raise Failure(
                f"port {process.remembered_port} of {process.name} is taken by something else; "
                "end that, or wipe the cluster"
            )
        return port

    # Setting it up

    def make_ready(self, running: list[Running]) -> None:
        by_name = {each.process.name: each for each in running}
        for name, each in by_name.items():
            if isinstance(each.process, Mongod):
                await_replica_set(Membership(name, is_config_server=name == CONFIG_SERVER), [each])
        config_port = by_name[CONFIG_SERVER].port
        with connected(config_port) as config:
            add_shards(config, {shard.name: by_name[shard.name].port for shard in self.shards})
            if not self.uses_mongos:
                (version,) = config.config.version.find()
                make_router(by_name[ROUTER_MONGOD].port, version["clusterId"], config_port)
        self.await_entrance(running[-1])

    def await_entrance(self, entrance: Running) -> None:
        """Waits until the front or the mongos answers."""
        from pymongo.errors import PyMongoError

        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            refuse_ended([entrance])
            if is_listening(entrance.port):
                try:
                    with connected(entrance.port) as client:
                        client.admin.command("ping")
                    return
                except PyMongoError:
                    pass
            time.sleep(0.05)
        raise Failure(f"the {entrance.process.name} did not answer after {START_DEADLINE_S:.0f} s")


def add_shards(config: MongoClient[dict[str, Any]], ports: Mapping[str, int]) -> None:
    present = {shard["_id"] for shard in config.config.shards.find()}
    for name, port in ports.items():
        if name not in present:
            config.admin.command(
                {"_configsvrAddShard": f"{name}/{HOST}:{port}", "name": name, "writeConcern": MAJORITY}
            )


def make_router(port: int, cluster_id: object, config_port: int) -> None:
    """Tells a mongod which cluster it belongs to, without adding it as a shard: then it runs router commands only."""
    identity = {
        "shardName": ROUTER_MONGOD,
        "clusterId": cluster_id,
        "configsvrConnectionString": f"{CONFIG_SERVER}/{HOST}:{config_port}",
    }
    with connected(port) as router:
        if router.admin["system.version"].find_one({"_id": "shardIdentity"}):
            return
        router.admin.command(
            "update",
            "system.version",
            updates=[{"q": {"_id": "shardIdentity"}, "u": {"$set": identity}, "upsert": True}],
            writeConcern=MAJORITY,
        )
        router.admin.command("setFeatureCompatibilityVersion", FEATURE_COMPATIBILITY)


def existing_shards(folder: Path) -> int:
    """How many shards a cluster was started with; 0 where there is none."""
    return len(list(folder.glob(f"{SHARD}[0-9]*")))


def sharded(folder: Path, wish: PortWish, binary: Path, mongos: Path | None, shards: int | None) -> ShardedCluster:
    """The cluster of a folder, or a new one."""
    return ShardedCluster(folder, wish, binary, mongos, existing_shards(folder) or shards or DEFAULT_SHARDS)
