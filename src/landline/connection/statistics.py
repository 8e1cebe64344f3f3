"""What passed over a connection."""

from __future__ import annotations

from dataclasses import dataclass

from landline.errors import Reason


@dataclass(frozen=True, slots=True)
class Statistics:
    """What passed over a connection so far, and why it ended (None while it lives)."""

    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    reason: Reason | None
