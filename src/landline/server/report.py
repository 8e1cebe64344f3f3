"""What a server did: counts, and the report at its end. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from landline.errors import Reason


@dataclass(slots=True)
class Counts:
    """What one running service counted. Datagrams have counts of their own, as nothing says whether they arrived.

    `certificate_days_left` is how many days the first certificate to expire still has (None: there is no TLS).
    """

    connections: int = 0
    messages: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    refused: int = 0
    cut_off: int = 0
    datagrams: int = 0
    datagrams_cut: int = 0
    datagrams_failed: int = 0
    replies_dropped: int = 0
    rejected: int = 0
    broadcasts_skipped: int = 0
    kernel_drops: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    certificate_days_left: float | None = None

    def add(self, other: Counts) -> None:
        """Add the counts of another service to these."""
        for name in self.__slots__:
            if name not in ("reasons", "certificate_days_left"):
                setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)

    def __str__(self) -> str:
        parts = [
            counted(self.connections, "connection") + " served",
            counted(self.messages, "message"),
            f"{size_in_words(self.bytes_received)} in",
            f"{size_in_words(self.bytes_sent)} out",
            f"{self.cut_off} cut off",
            *(f"{reason.value} {count}" for reason, count in sorted(self.reasons.items())),
        ]
        return ", ".join(parts + self._exceptions())

    def _exceptions(self) -> list[str]:
        told = {
            f"{counted(self.datagrams, 'datagram')}": self.datagrams,
            f"{counted(self.rejected, 'message')} rejected": self.rejected,
            f"{self.broadcasts_skipped} left out of a broadcast": self.broadcasts_skipped,
            f"{self.datagrams_cut} cut by the kernel": self.datagrams_cut,
            f"{self.datagrams_failed} not answered for an error": self.datagrams_failed,
            f"{counted(self.replies_dropped, 'reply', 'replies')} not sent": self.replies_dropped,
            f"{self.kernel_drops} dropped by the kernel": self.kernel_drops,
        }
        days = self.certificate_days_left
        tls = [] if days is None else [f"certificate expires in {days:.0f} days" if days > 0 else "certificate expired"]
        return [words for words, count in told.items() if count] + tls


def size_in_words(size: int) -> str:
    """A number of bytes with a unit, to three or four digits."""
    if size < 1000:
        return f"{size} B"
    amount = float(size)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 message`, `2 messages`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
