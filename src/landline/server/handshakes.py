"""Callers in the middle of a TLS handshake: each has a place already, and is nobody yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from landline.connection.stream import StreamConnection
from landline.connection.tls import TlsTransport
from landline.server.telling import Teller
from landline.transport.tls import ServerTls

log = logging.getLogger("landline.server")


class Handshakes:
    """The handshakes of one service. `on_failed` is called with a connection that did not come about."""

    def __init__(
        self, name: str, tls: ServerTls, seconds: float, on_failed: Callable[[StreamConnection], None]
    ) -> None:
        self._name = name
        self._tls = tls
        self._seconds = seconds
        self._on_failed = on_failed
        self._under_way: dict[StreamConnection, TlsTransport] = {}
        self._failures = Teller()

    def protocol_for(self, connection: StreamConnection) -> TlsTransport:
        """The protocol to put on the accepted socket; `connection` hears of it when the handshake is done."""
        transport = TlsTransport(
            connection,
            self._tls.context,
            server_side=True,
            handshake_seconds=self._seconds,
            on_failure=lambda sentence: self._failed(connection, sentence),
        )
        self._under_way[connection] = transport
        return transport

    def done(self, connection: StreamConnection) -> None:
        """The handshake of `connection` is done, or its socket was gone before it began."""
        self._under_way.pop(connection, None)

    def cut(self) -> None:
        """End all handshakes: nobody in one has said anything that could be lost."""
        for transport in list(self._under_way.values()):
            transport.abort()

    def _failed(self, connection: StreamConnection, sentence: str) -> None:
        del self._under_way[connection]
        if times := self._failures.due(asyncio.get_running_loop().time()):
            log.warning("%s: no TLS with %s: %s (%d since last told)", self._name, connection.peer, sentence, times)
        self._on_failed(connection)
