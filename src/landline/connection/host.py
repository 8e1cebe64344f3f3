"""What a connection expects of whoever it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from landline.connection.watch import Watch

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
