"""Cluster time: each reply tells it, and each command passes it on, so that later reads see earlier writes."""

from __future__ import annotations

import struct
import threading

from bson.timestamp import Timestamp

from mongo.router import raw


class ClusterClock:
    """The newest cluster time that any server, or client, has told the router."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.newest = Timestamp(0, 0)
        self.element: bytes | None = None

    def learn(self, element: bytes) -> None:
        """Takes the element "$clusterTime" of a command or reply."""
        time = raw.element_value(element)["clusterTime"]
        with self.lock:
            if time > self.newest:
                self.newest = time
                self.element = element

    def learn_from_reply(self, reply: bytearray) -> None:
        field = raw.find(reply, b"$clusterTime")
        if field:
            self.learn(bytes(reply[field.start : field.end]))

    def set_operation_time(self, reply: bytearray) -> None:
        """Puts the cluster time in the place of the operation time.

        The router mongod tells the operation time of its own, empty oplog: a client that waits for that time would not
        see what it has written. The cluster time is never too early.
        """
        field = raw.find(reply, b"operationTime")
        if field and field.type == raw.TIMESTAMP:
            struct.pack_into("<II", reply, field.value, self.newest.inc, self.newest.time)

    def elements(self) -> dict[str, bytes]:
        """For a reply that no server has written."""
        if self.element is None:
            return {}
        return {"$clusterTime": self.element, "operationTime": raw.element("operationTime", self.newest)}
