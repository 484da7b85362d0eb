"""What the router answers instead of a result."""

from __future__ import annotations

from typing import Any

from bson.son import SON

STALE_CODES = {
    13388,  # StaleConfig: the shard has another version of the collection
    249,  # StaleDbVersion
    150,  # StaleEpoch: the collection is another one by now
    63,  # what older versions call StaleConfig
}
RETRYABLE_WRITE = "RetryableWriteError"
TRANSIENT_TRANSACTION = "TransientTransactionError"
HOST_UNREACHABLE = 6


class CommandError(Exception):
    """An answer with ok: 0."""

    def __init__(self, code: int, message: str, name: str, labels: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.labels = labels

    @property
    def reply(self) -> SON[str, Any]:
        answer: SON[str, Any] = SON(ok=0.0, errmsg=str(self), code=self.code, codeName=self.name)
        if self.labels:
            answer["errorLabels"] = list(self.labels)
        return answer


class Refused(Exception):
    """A server answered with ok: 0; its answer is passed on as it is."""

    def __init__(self, reply: SON[str, Any]) -> None:
        super().__init__(str(reply.get("errmsg", "")))
        self.reply = reply


def checked(reply: SON[str, Any]) -> SON[str, Any]:
    """The reply, if it is one of success."""
    if not reply.get("ok"):
        raise Refused(reply)
    return reply


def is_stale(reply: SON[str, Any]) -> bool:
    return reply.get("code") in STALE_CODES
