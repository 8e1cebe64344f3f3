"""TLS settings of servers and clients: which certificate to show, whom to trust, and nothing that is not modern."""

from __future__ import annotations

import hashlib
import logging
import os
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from landline.address import check_pin
from landline.errors import UsageError
from landline.transport.certificates import Certificate, load_pair, load_trusted
from landline.transport.handledsocket import ServerSideSocket

log = logging.getLogger("landline.tls")

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: fresh keys for each connection and authenticated encryption, nothing else. TLS 1.3 has only such."""

Path = str | os.PathLike[str]
Pair = tuple[Path, Path | None]
Signature = tuple[tuple[int, int, int] | None, ...]


class ServerSideObject(ssl.SSLObject):
    """The TLS engine of one connection that came in. It remembers the name the caller asked for (SNI)."""

    asked_name: str | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Everything that was read from the files at one time."""

    contexts: tuple[ssl.SSLContext, ...]
    certificates: tuple[Certificate, ...]
    by_name: dict[str, ssl.SSLContext]

    def pick(self, name: str) -> ssl.SSLContext:
        """The context for a name; a wildcard stands for one label (RFC 9525, section 6.3)."""
        name = name.lower()
        wild = f"*.{name.partition('.')[2]}"
        return self.by_name.get(name) or self.by_name.get(wild) or self.contexts[0]


class ServerTls:
    """What a server shows and whom it lets in.

    `certificate` is a PEM file with the certificate and its chain, `key` the file of its key (None: it is in the same
    file). `client_ca` is a PEM file: only callers with a certificate that it has signed come in. `more` are further
    pairs of (certificate, key), chosen by the name a caller asks for; the first is for all others. `alpn` are protocol
    names, the best first. Raises CertificateError.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path | None = None,
        *,
        client_ca: Path | None = None,
        more: Iterable[Pair] = (),
        alpn: Sequence[str] = (),
    ) -> None:
        self._pairs: tuple[Pair, ...] = ((certificate, key), *more)
        self._client_ca = client_ca
        self._alpn = tuple(alpn)
        self._signature: Signature = ()
        self._loaded = self._load()

    def __repr__(self) -> str:
        return f"<ServerTls {', '.join(os.fspath(certificate) for certificate, _ in self._pairs)}>"

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the next handshake."""
        return self._loaded.contexts[0]

    @property
    def asks_callers(self) -> bool:
        """Whether only callers with a certificate come in."""
        return self._client_ca is not None

    @property
    def pin(self) -> str:
        """The pin of the first certificate, as callers write it."""
        return self._loaded.certificates[0].pin

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The files of the certificates and of their keys (None: in the same file), in the order they were given."""
        return self._pairs

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """What the certificates say, in the order they were given."""
        return self._loaded.certificates

    def reload(self) -> None:
        """Read all files again; the next handshake uses them. Raises CertificateError, and then all stays as it was."""
        self._loaded = self._load()

    def changed(self) -> bool:
        """Whether a file is another than when it was last read, or read in vain."""
        return self._signature != self._sign()

    def days_left(self, now: float) -> float:
        """Returns the days from `now` (seconds since the epoch) until the first certificate expires; negative after."""
        return min(one.not_after for one in self._loaded.certificates) / 86400 - now / 86400

    def _load(self) -> _Loaded:
        # Signed before they are read: a file that changes meanwhile is then seen as changed at the next look.
        self._signature = self._sign()
        certificates, contexts = [], []
        by_name: dict[str, ssl.SSLContext] = {}
        for certificate, key in self._pairs:
            context = self._new_context()
            certificates.append(load_pair(context, os.fspath(certificate), None if key is None else os.fspath(key)))
            contexts.append(context)
            for name in certificates[-1].dns_names:
                by_name.setdefault(name, context)
        loaded = _Loaded(tuple(contexts), tuple(certificates), by_name)
        # The context that holds the callback must not be held by it: `loaded` alone would be such a ring.
        contexts[0].set_servername_callback(_chooser(loaded.pick if len(contexts) > 1 else None))
        return loaded

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _only_modern(context, self._alpn)
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
        # OpenSSL keeps one ticket key for as long as the context lives: who steals it reads every resumed session.
        context.num_tickets = 0
        # On sockets of handler classes an end without close_notify is an end, and not a fault: else OpenSSL lets them
        # send no more after it, and a drain ends what they read just so. OpenSSL 1.1 needs no telling.
        context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        context.sslobject_class = ServerSideObject
        context.sslsocket_class = ServerSideSocket
        if self._client_ca is not None:
            load_trusted(context, os.fspath(self._client_ca))
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _sign(self) -> Signature:
        paths = [path for pair in self._pairs for path in pair if path is not None]
        return tuple(map(_signature, paths if self._client_ca is None else [*paths, self._client_ca]))


class ClientTls:
    """Whom a client trusts, and what it shows of itself.

    With neither `ca` nor `pin` the system's CAs and the host name decide. `ca` is a PEM file of the only CAs to trust;
    the host name must match as well. `pin` is `sha256:HEX64` of the peer's certificate, and alone is enough; with both,
    both must hold. `certificate` and `key` are PEM files for servers that ask for one. `server_name` is the name to ask
    for and to check, where it is not the host of the address. `alpn` are protocol names, the best first. `insecure`
    checks nothing, and says so in the log for every connection. Raises CertificateError, AddressError or UsageError.
    """

    def __init__(
        self,
        *,
        ca: Path | None = None,
        pin: str | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        server_name: str | None = None,
        alpn: Sequence[str] = (),
        insecure: bool = False,
    ) -> None:
        if insecure and (ca is not None or pin is not None):
            raise UsageError("insecure checks nothing, so it cannot stand beside a ca or a pin; leave one of them out")
        if key is not None and certificate is None:
            raise UsageError("a key was given without its certificate; give the certificate too")
        self.pin = None if pin is None else check_pin(pin)
        self.server_name = server_name
        self.insecure = insecure
        # Whether OpenSSL checks the chain and the name. A pin alone needs neither.
        self.verifies = not insecure and (ca is not None or pin is None)
        self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _only_modern(context, tuple(alpn))
        if not self.verifies:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif ca is not None:
            load_trusted(context, os.fspath(ca))
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if certificate is not None:
            load_pair(context, os.fspath(certificate), None if key is None else os.fspath(key))

    @property
    def context(self) -> ssl.SSLContext:
        """The context for handshakes."""
        return self._context

    def name_for(self, host: str | None) -> str | None:
        """The name to ask for and to check when `host` is called (None: a peer without one, at a Unix path).

        Raises UsageError if there must be one and there is none, or if it cannot be one.
        """
        name = self.server_name or (host.partition("%")[0].rstrip(".") if host else None)
        if name is None and self.verifies:
            raise UsageError("a peer without a host name cannot be checked by name; give server_name or a pin")
        try:
            self._context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
        except (ValueError, UnicodeError):
            raise UsageError(f"{name!r} cannot be the name of a server; give server_name") from None
        return name

    def objection(self, certificate: bytes | None) -> str | None:
        """What is wrong with the peer's certificate (DER) by the pin, or None."""
        if self.pin is None:
            return None
        seen = pin_of(certificate) if certificate else "none"
        if seen == self.pin:
            return None
        return f"its certificate has the pin {seen}, not {self.pin}; ask its owner which one is right"

    def warn(self, peer: object) -> None:
        """Say in the log that nothing is checked, if that is so."""
        if self.insecure:
            log.warning("insecure: who answers at %s is not checked, and anybody between may read and change", peer)


def pin_of(certificate: bytes) -> str:
    """The pin of a certificate in DER: `sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(certificate).hexdigest()}"


def _only_modern(context: ssl.SSLContext, alpn: tuple[str, ...]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    # Compression tells secrets by length (CRIME); renegotiation is work a peer can order at will (CVE-2011-1473).
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if alpn:
        try:
            context.set_alpn_protocols(list(alpn))
        except (ssl.SSLError, UnicodeError):
            raise UsageError(f"alpn {alpn!r} cannot be; a protocol name has 1 to 255 ASCII characters") from None


def _chooser(pick: Any) -> Any:
    def choose(tls: ServerSideObject | ServerSideSocket, name: str | None, _: ssl.SSLContext) -> None:
        tls.asked_name = name
        if name is not None and pick is not None:
            tls.context = pick(name)

    return choose


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
