"""What passed over a connection."""

from __future__ import annotations

from dataclasses import dataclass

from landline.errors import Reason


@dataclass(frozen=True, slots=True)
class Statistics:
    """What passed over a connection so far, and why it ended (None while it lives).

    `messages_dropped` had to leave the queue of a client that was away; nobody waited any more for `late_replies`.
    """

    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    reason: Reason | None
    messages_dropped: int = 0
    late_replies: int = 0

    def plus(self, other: Statistics) -> Statistics:
        """The counts of both together, with the reason of this one."""
        return Statistics(
            self.messages_received + other.messages_received,
            self.messages_sent + other.messages_sent,
            self.bytes_received + other.bytes_received,
            self.bytes_sent + other.bytes_sent,
            self.reason,
            self.messages_dropped + other.messages_dropped,
            self.late_replies + other.late_replies,
        )
