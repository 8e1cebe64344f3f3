"""The calling side: opens the control connection, and the data connections that belong to it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from landline.address import Address
from landline.connection.trusting import host_of, no_tls, too_late
from landline.errors import IdentityRefused
from landline.limits import Limits
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.wire import Accept, Join, encode, join_proof
from landline.transport.blockingdial import dial_blocking
from landline.transport.options import tune_stream
from landline.transport.tls import ClientTls
from landline.transport.tlserrors import handshake_problem

CALL_SECONDS = 10.0


class Caller:
    """Calls one address. The first certificate that was taken for the right one is the only right one from then on.

    `trust` says whom to take; where it is `insecure`, a code must show afterwards who answered. `dial` gives a
    connected socket where that is more than calling `address` (a relay). Raises UsageError without a name to check.
    """

    def __init__(self, address: Address, trust: ClientTls, dial: Callable[[], socket.socket] | None = None) -> None:
        self.address = address
        self.trust = trust
        self.certificate = b""
        self._dial = dial or (lambda: dial_blocking(address, CALL_SECONDS))
        self._name = trust.name_for(host_of(address)) if trust.verifies else None
        trust.context.minimum_version = ssl.TLSVersion.TLSv1_3

    def control(self) -> ControlLink:
        """Open the control connection. Raises ConnectError, IdentityRefused, WaitTimeout."""
        return ControlLink(self._secure(self._dialed()), str(self.address))

    def data(self, accept: Accept, transfer: bytes, number: int, clear: bool) -> DataLink:
        """Open data connection `number` (1 to 8); `clear`: without TLS. Raises the same."""
        sock = self._dialed()
        link = DataLink(sock if clear else self._secure(sock), str(self.address), clear)
        try:
            proof = join_proof(accept.key, transfer, accept.epoch, number)
            link.send(encode(Join(transfer, accept.epoch, number, proof)))
        except BaseException:
            link.close()
            raise
        return link

    def _dialed(self) -> socket.socket:
        sock = self._dial()
        tune_stream(sock, Limits())
        return sock

    def _secure(self, sock: socket.socket) -> ssl.SSLSocket:
        sock.settimeout(CALL_SECONDS)
        # From here on the connection is the new socket's; the old one has none any more.
        secured = self.trust.context.wrap_socket(sock, server_hostname=self._name, do_handshake_on_connect=False)
        try:
            self._shake(secured)
        except BaseException:
            secured.close()
            raise
        return secured

    def _shake(self, secured: ssl.SSLSocket) -> None:
        try:
            secured.do_handshake()
        except ssl.SSLError as error:
            raise no_tls(self.address, handshake_problem(error, self._name), error) from error
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise too_late(self.address, CALL_SECONDS) from error
            raise no_tls(self.address, "it hung up during the TLS handshake", error) from error
        shown = secured.getpeercert(binary_form=True) or b""
        problem = self.trust.objection(shown)
        if problem is None and self.certificate not in (b"", shown):
            problem = "its certificate is another than at the first connection"
        if problem is not None:
            raise IdentityRefused(str(self.address), problem)
        self.certificate = shown
