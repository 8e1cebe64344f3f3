"""What waits for one session that reads slowly: bytes that many share, bounded; what is ephemeral goes first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packet:
    """A notice as it travels, the same object for all sessions of a family. `room` and `seq` are those of a message,
    or of the first one of a page."""

    data: bytes
    is_ephemeral: bool = False
    room: str | None = None
    seq: int = 0


class Outbox:
    """Packets in order. `soft_bytes` and `hard_bytes` bound what waits, the first for what is ephemeral."""

    __slots__ = ("_ephemeral", "_packets", "held_bytes")

    def __init__(self) -> None:
        self._packets: deque[Packet] | None = None
        self._ephemeral = 0
        """How many packets are ephemeral. Looking for them each time would take long just where much waits."""
        self.held_bytes = 0

    def __bool__(self) -> bool:
        return self._packets is not None

    def put(self, packet: Packet, soft_bytes: int) -> bool:
        """Add a packet. Returns whether it was: what is ephemeral is left out where too much waits."""
        if self.held_bytes > soft_bytes:
            if packet.is_ephemeral:
                return False
            self._drop_ephemeral()
        if self._packets is None:
            self._packets = deque()
        self._packets.append(packet)
        self._ephemeral += packet.is_ephemeral
        self.held_bytes += len(packet.data)
        return True

    def take(self, most_bytes: int) -> bytes:
        """The next packets as one piece of bytes: as many as fit `most_bytes`, and one at least."""
        packets = self._packets
        if packets is None:
            return b""
        if self.held_bytes <= most_bytes:
            self._forget()
            return packets[0].data if len(packets) == 1 else b"".join([packet.data for packet in packets])
        taken = [packets.popleft()]
        room = most_bytes - len(taken[0].data)
        while packets and len(packets[0].data) <= room:
            taken.append(packets.popleft())
            room -= len(taken[-1].data)
        data = b"".join([packet.data for packet in taken])
        self.held_bytes -= len(data)
        self._ephemeral -= sum(packet.is_ephemeral for packet in taken)
        if not packets:
            self._forget()
        return data

    def clear(self) -> dict[str, int]:
        """Drop all that waits. Returns the first message of each room among it."""
        unsent: dict[str, int] = {}
        for packet in self._packets or ():
            if packet.room is not None:
                unsent.setdefault(packet.room, packet.seq)
        self._forget()
        return unsent

    def _forget(self) -> None:
        self._packets = None
        self._ephemeral = 0
        self.held_bytes = 0

    def _drop_ephemeral(self) -> None:
        if self._packets is not None and self._ephemeral:
            self._packets = deque(packet for packet in self._packets if not packet.is_ephemeral)
            self._ephemeral = 0
            self.held_bytes = sum(len(packet.data) for packet in self._packets)
