"""Callers in the middle of a TLS handshake, or in front of it: each has a place already, and is nobody yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from landline.address import Address
from landline.connection.stream import StreamConnection
from landline.connection.tls import TlsTransport
from landline.connection.watch import Timer
from landline.errors import Reason
from landline.server.sniffing import SNIFF_SECONDS, Sniffer
from landline.server.telling import Teller
from landline.transport.tls import ServerTls

log = logging.getLogger("landline.server")


class FailedHandshakes:
    """Tells of them in the log of a service, and not oftener than anybody wants to read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._failures = Teller()

    def tell(self, peer: Address, sentence: str, now: float) -> None:
        """A handshake with `peer` has failed at `now`, for a reason that is a sentence about it."""
        if times := self._failures.due(now):
            log.warning("%s: no TLS with %s: %s (%d since last told)", self._name, peer, sentence, times)


class Handshakes:
    """The handshakes of one service, each of at most `seconds`.

    Without `required`, callers that do not begin with one are in the clear. `on_failed` gets the group of a caller with
    whom none came about, and the reason why it is gone.
    """

    def __init__(
        self, name: str, tls: ServerTls, seconds: float, required: bool, on_failed: Callable[[str | None, Reason], None]
    ) -> None:
        self._tls = tls
        self._seconds = seconds
        self._on_failed = on_failed
        self._under_way: dict[StreamConnection, tuple[TlsTransport | Sniffer, str | None]] = {}
        self._failures = FailedHandshakes(name)
        self._sniffing: Timer[Sniffer] | None = None
        if not required:
            self._sniffing = Timer(asyncio.get_running_loop(), SNIFF_SECONDS, Sniffer.silent)

    def protocol_for(self, connection: StreamConnection, group: str | None) -> asyncio.Protocol:
        """The protocol to put on the accepted socket of a caller of `group`, who has a place already.

        `connection` hears of it when the handshake is done, or when the caller is known to be in the clear.
        """
        if self._sniffing is None:
            return self._secured(connection, group)
        sniffer = Sniffer(
            connection, partial(self._secured, connection, group), partial(self._gone, connection), self._sniffing
        )
        self._under_way[connection] = sniffer, group
        return sniffer

    def _secured(self, connection: StreamConnection, group: str | None) -> TlsTransport:
        transport = TlsTransport(
            connection,
            self._tls.context,
            server_side=True,
            handshake_seconds=self._seconds,
            on_failure=lambda sentence: self._failed(connection, sentence),
        )
        self._under_way[connection] = transport, group
        return transport

    def done(self, connection: StreamConnection) -> str | None:
        """The handshake of `connection` is done, or not to be, or its socket was gone before. Returns its group."""
        return self._under_way.pop(connection)[1]

    def cut(self) -> None:
        """End all handshakes: nobody in one has said anything that could be lost."""
        for one, _ in list(self._under_way.values()):
            one.abort()
        if self._sniffing is not None:
            self._sniffing.close()

    def _failed(self, connection: StreamConnection, sentence: str) -> None:
        group = self.done(connection)
        self._failures.tell(connection.peer, sentence, asyncio.get_running_loop().time())
        self._on_failed(group, Reason.HANDSHAKE)

    def _gone(self, connection: StreamConnection, reason: Reason) -> None:
        self._on_failed(self.done(connection), reason)
