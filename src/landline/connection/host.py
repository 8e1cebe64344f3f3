"""What a connection expects of whoever it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from landline.connection.watch import Watch
from landline.errors import MessageRejected, UnfitMessage

if TYPE_CHECKING:
    from landline.connection.stream import StreamConnection


class Host(Protocol):
    """Whoever a connection belongs to: a running service, or a client."""

    watch: Watch

    def opened(self, connection: StreamConnection) -> None:
        """The connection is there; nothing was read yet."""

    def closed(self, connection: StreamConnection) -> None:
        """The connection is gone; its `reason` is final."""

    def handler_failed(self, connection: StreamConnection, error: BaseException) -> None:
        """An answering function raised `error`; the connection is being closed."""

    def rejection(self, connection: StreamConnection, rejected: MessageRejected) -> bytes:
        """Count a message that an answering function refused. Returns what the peer is told."""

    def answered_unfit(self, connection: StreamConnection, unfit: UnfitMessage) -> bool:
        """Tell the peer of a message that its payload cannot read. Returns whether it was; else `receive` raises."""
