"""Data that never comes: without TLS, somebody in the middle can take out exactly whole frames. Pure."""

from __future__ import annotations

SILENT_SECONDS = 20.0
"""So long nothing comes, of what the sender says it has sent, before the connection counts as lost. Less than what a
person waits for, and more than a slow disk there needs for a bundle."""
LOST_DATA = "not all that it says it has sent has come"


class Vigil:
    """Looks whether anything comes."""

    def __init__(self) -> None:
        self._moved: object = None
        self._since: float | None = None

    def heard(self) -> None:
        """The sender has said something: it is at work."""
        self._since = None

    def is_over(self, now: float, moved: object, waits_in_vain: bool) -> bool:
        """Whether it has been silent for too long.

        `now` is in seconds of a monotonic clock; `moved` is another value whenever something has come;
        `waits_in_vain` says that the sender has nothing more to send, and something is missing.
        """
        if not waits_in_vain or moved != self._moved or self._since is None:
            self._moved = moved
            self._since = now if waits_in_vain else None
        return self._since is not None and now - self._since >= SILENT_SECONDS
