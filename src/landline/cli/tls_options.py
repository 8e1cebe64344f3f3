"""The options of the commands about TLS, and the settings made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from landline.errors import UsageError

if TYPE_CHECKING:
    from landline.address import Address
    from landline.transport.tls import ClientTls, ServerTls

Command = Callable[..., Any]

# Whether it can be read is found out when it is read, with a sentence that says what to do.
FILE: dict[str, Any] = {"metavar": "FILE", "type": click.Path(readable=False)}


@dataclass(frozen=True, slots=True)
class CallerOptions:
    """What `call` and `listen` were told of TLS."""

    tls: bool = False
    ca: str | None = None
    pin: str | None = None
    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None
    insecure: bool = False

    def for_call(self, address: Address) -> ClientTls | None:
        """The settings of a call to `address`, or None for one without TLS. Raises UsageError or CertificateError."""
        from landline.address import TlsAddress
        from landline.transport.tls import ClientTls

        if not (self.tls or self.insecure or self._files() or isinstance(address, TlsAddress)):
            return None
        pin = self.pin or getattr(address, "pin", None)
        return ClientTls(
            ca=self.ca, pin=pin, certificate=self.certificate, key=self.key, server_name=self.server_name,
            insecure=self.insecure,
        )  # fmt: skip

    def for_listening(self, address: Address) -> ServerTls | None:
        """The settings of a listener, or None for one without TLS. Raises UsageError or CertificateError."""
        from landline.address import TlsAddress
        from landline.transport.tls import ServerTls

        if self.pin or self.server_name or self.insecure or getattr(address, "pin", None):
            raise UsageError("--pin, --server-name and --insecure are for calls; leave them out")
        if self.certificate is not None:
            return ServerTls(self.certificate, self.key, client_ca=self.ca)
        if self.tls or self._files() or isinstance(address, TlsAddress):
            raise UsageError("to listen with TLS takes a certificate; give --certificate FILE, and --key FILE")
        return None

    def _files(self) -> bool:
        return any((self.ca, self.pin, self.certificate, self.key, self.server_name))


def caller_options(command: Command) -> Command:
    """Add the options of CallerOptions; the command gets them as keyword arguments."""
    for option in reversed((
        click.option("--tls", is_flag=True, help="Speak TLS, also at an address that is not tls://."),
        click.option("--ca", **FILE, help="Trust these CAs (PEM) and no others; for listen, of those who call."),
        click.option("--pin", metavar="sha256:HEX", help="Trust the peer with this certificate."),
        click.option("--certificate", **FILE, help="Show this certificate (PEM, its key may be in it)."),
        click.option("--key", **FILE, help="The key of the certificate."),
        click.option("--server-name", metavar="NAME", help="The name to ask for and to check, if not the address's."),
        click.option("--insecure", is_flag=True, help="Speak TLS and check nothing."),
    )):  # fmt: skip
        command = option(command)
    return command


def server_options(command: Command) -> Command:
    """Add the options of `serve`."""
    for option in reversed((
        click.option("--tls", is_flag=True, help="Serve nothing without TLS."),
        click.option("--certificate", "certificates", multiple=True, **FILE,
                     help="Speak TLS with this certificate (PEM, its key may be in it); again for further names."),
        click.option("--key", "keys", multiple=True, **FILE, help="The keys, in the same order."),
        click.option("--client-ca", **FILE, help="Let in only callers with a certificate of this CA."),
    )):  # fmt: skip
        command = option(command)
    return command


def server_tls(tls: bool, certificates: Sequence[str], keys: Sequence[str], client_ca: str | None) -> ServerTls | None:
    """The settings of `serve`, or None for services without TLS. Raises UsageError or CertificateError."""
    from landline.transport.tls import ServerTls

    if not certificates:
        if tls or keys or client_ca:
            raise UsageError("to serve with TLS takes a certificate; give --certificate FILE, and --key FILE")
        return None
    if keys and len(keys) != len(certificates):
        counts = f"{len(certificates)} certificates and {len(keys)} keys were given"
        raise UsageError(f"{counts}; give a key to each certificate, or none if each file holds its own")
    pairs = list(zip_longest(certificates, keys))
    return ServerTls(*pairs[0], client_ca=client_ca, more=pairs[1:])
