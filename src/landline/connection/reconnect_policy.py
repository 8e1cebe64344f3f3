"""How a client comes back: everything that can be chosen. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from landline.connection.backoff import Backoff
from landline.connection.events import Event
from landline.connection.outbox import WhenFull
from landline.errors import LimitError, UsageError
from landline.limits import MIB

Unanswered = Literal["fail", "resend"]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How a client comes back after its connection broke. Raises a UsageError for a value that cannot be.

    `backoff` is when. `waiting` is what becomes of requests without an answer when the connection breaks: "fail" (with
    ConnectionClosed) or "resend" (in their order, before anything newer; a service may then get one twice).
    While there is no connection, at most `max_queued_messages` of at most `max_queued_bytes` wait to be sent, and
    `when_full` says what then: "wait" for room, "drop_oldest", "drop_newest", or "fail" with QueueFull.
    `on_connect(connection)` is run on every new connection before anything else is sent, for example to log in: `async
    def` for landline.connect, `def` for landline.blocking.connect. A passing error of it is an attempt that failed, any
    other ends the client. `on_event(event)` is told everything that happens, and must not block.
    With `first_must_connect`, a first attempt that fails is an error of `connect`.
    `draw` gives random numbers from 0 to below 1 for the back-off (None: of the system).
    """

    backoff: Backoff = field(default_factory=Backoff)
    # "fail": only who wrote the service knows whether a request may be made twice.
    waiting: Unanswered = "fail"
    max_queued_messages: int = 1000
    max_queued_bytes: int = MIB
    # "wait": the only one that loses nothing and asks nothing of the caller.
    when_full: WhenFull = "wait"
    on_connect: Callable[[Any], Any] | None = None
    on_event: Callable[[Event], object] | None = None
    # False: after a power cut nobody knows which machine is up first, and a client that comes back for a service that
    # was away should not care whether that was before or after its own start. A final error is raised all the same.
    first_must_connect: bool = False
    draw: Callable[[], float] | None = None

    def __post_init__(self) -> None:
        _check_choice("waiting", self.waiting, get_args(Unanswered))
        _check_choice("when_full", self.when_full, get_args(WhenFull))
        _check_count("max_queued_messages", self.max_queued_messages)
        _check_count("max_queued_bytes", self.max_queued_bytes)
        if not isinstance(self.backoff, Backoff):
            raise LimitError("backoff", self.backoff, "a Backoff, for example Backoff(first_seconds=1)")
        for name in ("on_connect", "on_event", "draw"):
            if not callable(value := getattr(self, name)) and value is not None:
                raise LimitError(name, value, "a function or None")


def check_reconnect(reconnect: object) -> None:
    """Raise UsageError for what is neither None nor a Reconnect."""
    if not isinstance(reconnect, Reconnect | None):
        raise UsageError(f"reconnect cannot be {reconnect!r}; it must be a Reconnect, for example Reconnect()")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise LimitError(name, value, "one of " + ", ".join(map(repr, choices)))


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2**40:
        raise LimitError(name, value, f"a whole number from 1 to {2**40}")
