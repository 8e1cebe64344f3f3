"""The states a client that comes back goes through. Pure: the clock and the randomness are passed in.

    IDLE -> CONNECTING -> UP -> WAITING -> CONNECTING ...
                |          |
                |          +-> OVER    given up
                +-> WAITING, OVER

`end` leads from everywhere to OVER.
"""

from __future__ import annotations

from enum import Enum

from landline.address import Address
from landline.connection.backoff import Backoff
from landline.connection.events import Connected, Connecting, Event, GaveUp, Lost, Waiting
from landline.connection.failures import is_passing
from landline.errors import ConnectionClosed, FramingError, IdentityRefused, Reason


class Phase(Enum):
    """Where on its course a client is."""

    IDLE = "idle"
    CONNECTING = "connecting"
    UP = "up"
    WAITING = "waiting"
    OVER = "over"


class Course:
    """One client's way through the phases; each step returns the events to tell.

    `attempt` counts the attempts in a row; with `first_must_connect`, a first attempt that fails is the last one.
    """

    def __init__(self, backoff: Backoff, first_must_connect: bool = False) -> None:
        self.phase = Phase.IDLE
        self.attempt = 0
        self._backoff = backoff
        self._first_must_connect = first_must_connect
        self._up_at = 0.0

    def begin(self) -> list[Event]:
        """An attempt begins."""
        self._go(Phase.CONNECTING, Phase.IDLE, Phase.WAITING)
        self.attempt += 1
        return [Connecting(self.attempt)]

    def succeed(self, peer: Address, now: float) -> list[Event]:
        """The connection with `peer` is there, at the time `now` (seconds of any clock that never goes back)."""
        self._go(Phase.UP, Phase.CONNECTING)
        self._first_must_connect = False
        self._up_at = now
        return [Connected(peer)]

    def fail(self, error: Exception, now: float, draw: float) -> list[Event]:
        """The attempt failed, or the connection broke, with `error`; `draw` is from 0 to below 1.

        The last event is Waiting or GaveUp, and tells what to do.
        """
        events: list[Event] = []
        if self.phase is Phase.UP:
            events.append(Lost(reason_of(error)))
            if self._backoff.steady(now - self._up_at):
                self.attempt = 0
        if self._must_stop(error):
            self._go(Phase.OVER, Phase.CONNECTING, Phase.UP)
            return [*events, GaveUp(error)]
        self._go(Phase.WAITING, Phase.CONNECTING, Phase.UP)
        seconds = self._backoff.delay(max(1, self.attempt), draw)
        return [*events, Waiting(seconds, self.attempt + 1, error)]

    def end(self) -> None:
        """The client is closed."""
        self.phase = Phase.OVER

    def _must_stop(self, error: Exception) -> bool:
        return self._first_must_connect or not is_passing(error) or self._backoff.exhausted(self.attempt)

    def _go(self, phase: Phase, *allowed: Phase) -> None:
        if self.phase not in allowed:
            raise RuntimeError(f"a client that is {self.phase.value} cannot go to {phase.value}")
        self.phase = phase


def reason_of(error: Exception) -> Reason:
    """The code of an end that `error` tells of."""
    if isinstance(error, (ConnectionClosed, FramingError, IdentityRefused)):
        return error.reason
    return Reason.ABORTED
