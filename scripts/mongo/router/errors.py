"""What the router answers instead of a result."""

from __future__ import annotations

from mongo.router.raw import Document

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
    def reply(self) -> Document:
        answer: Document = dict(ok=0.0, errmsg=str(self), code=self.code, codeName=self.name)
        if self.labels:
            answer["errorLabels"] = list(self.labels)
        return answer


class Refused(Exception):
    """A server answered with ok: 0; its answer is passed on as it is."""

    def __init__(self, reply: Document) -> None:
        super().__init__(str(reply.get("errmsg", "")))
        self.reply = reply


def checked(reply: Document) -> Document:
    """The reply, if it is one of success."""
    if not reply.get("ok"):
        raise Refused(reply)
    return reply


def is_stale(reply: Document) -> bool:
    return reply.get("code") in STALE_CODES
