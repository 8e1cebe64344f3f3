"""What happens to a client that comes back: the events it tells of, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from landline.address import Address
from landline.errors import Reason


@dataclass(frozen=True, slots=True)
class Connecting:
    """An attempt begins. `attempt` counts from 1 since the last connection that stood."""

    attempt: int

    def __str__(self) -> str:
        return f"connecting, attempt {self.attempt}"


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection is there, and `on_connect` is content with it. `peer` is who is at the other end."""

    peer: Address

    def __str__(self) -> str:
        return f"connected with {self.peer}"


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone; `reason` is the code of its end."""

    reason: Reason

    def __str__(self) -> str:
        return f"connection lost ({self.reason.value})"


@dataclass(frozen=True, slots=True)
class Waiting:
    """For `seconds` nothing is tried; then comes attempt number `attempt`. `error` is why the last one failed."""

    seconds: float
    attempt: int
    error: Exception

    def __str__(self) -> str:
        return f"{self.error}; attempt {self.attempt} follows in {self.seconds:.2g} s"


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No attempt follows: `error` is final, or was the last that was allowed. Every waiting call gets it."""

    error: Exception

    def __str__(self) -> str:
        return f"gave up: {self.error}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """`messages` were taken out of the queue and will not be sent; `total` is how many that makes so far."""

    messages: int
    total: int

    def __str__(self) -> str:
        return f"messages not sent: {self.messages}, {self.total} in all"


Event = Connecting | Connected | Lost | Waiting | GaveUp | Dropped
