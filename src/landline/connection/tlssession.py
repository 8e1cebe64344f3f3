"""TLS between two buffers: ciphertext in and out, plaintext out and in. It touches no socket and never waits."""

from __future__ import annotations

import contextlib
import ssl
import time
from dataclasses import dataclass
from typing import Any

from landline.transport.tls import ServerSideObject, pin_of
from landline.transport.tlserrors import Shown, claims_of, handshake_problem

PIECE_BYTES = 16 * 1024
"""What OpenSSL is given at a time: one record. A memory BIO keeps the room it once needed, so it must not need more."""


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """What the two sides of a connection agreed on.

    `version` is "TLSv1.3" or "TLSv1.2", `cipher` OpenSSL's name, `alpn` the protocol or None, `server_name` the name
    the caller asked for or None. `peer_certificate` is what `ssl.SSLSocket.getpeercert` gives: empty if nobody checked
    it; `peer_pin` is the pin of the certificate the peer showed, or None.
    """

    version: str
    cipher: str
    alpn: str | None
    server_name: str | None
    peer_certificate: dict[str, Any]
    peer_pin: str | None


class TlsSession:
    """One side of TLS. What `take` gives goes to the peer, what comes from the peer goes to `feed`.

    `shaking` holds until the handshake is done, `ended` from the peer's close_notify on; `error` is final.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls", "ended", "error", "server_name", "shaking")

    def __init__(self, context: ssl.SSLContext, server_side: bool, server_name: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_name)
        self.server_name = server_name
        self.shaking = True
        self.ended = False
        self.error: ssl.SSLError | None = None

    @property
    def ssl_object(self) -> ssl.SSLObject:
        """Python's own object."""
        return self._tls

    def start(self) -> None:
        """Say the first word of the handshake, if it is ours."""
        self._shake()

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Take what came from the peer. Returns the plaintext that can be read; an error is in `error`."""
        found: list[bytes] = []
        if len(data) <= PIECE_BYTES:
            self._feed_piece(data, found)
            return found
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            self._feed_piece(view[start : start + PIECE_BYTES], found)
        return found

    def _feed_piece(self, piece: bytes | memoryview, found: list[bytes]) -> None:
        if self.error is not None or self.ended:
            return
        self._incoming.write(piece)
        if self.shaking:
            self._shake()
        if not self.shaking:
            self._decrypt(found)

    def take(self) -> bytes:
        """What is to be sent to the peer."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def encrypt(self, data: bytes | bytearray | memoryview) -> bytes:
        """Make ciphertext of all of `data`. Returns what is to be sent. Raises ssl.SSLError once the session is broken.

        It never has to wait for the peer: a memory BIO takes all there is, and renegotiation is switched off.
        """
        if len(data) <= PIECE_BYTES:
            self._tls.write(data)
            return self._outgoing.read()
        view = memoryview(data)
        pieces = []
        while view:
            view = view[self._tls.write(view[:PIECE_BYTES]) :]
            pieces.append(self._outgoing.read())
        return b"".join(pieces)

    def end(self) -> bytes:
        """Say that nothing more follows (close_notify). Returns what is to be sent; the peer may go on."""
        # OpenSSL looks for the peer's close_notify too, and what it finds instead is an error to it. Nothing is lost:
        # `feed` leaves no whole record unread.
        if not self.shaking and self.error is None:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        return self.take()

    def peer_certificate(self) -> bytes | None:
        """The certificate that the peer has shown, in DER."""
        return self._tls.getpeercert(binary_form=True)

    @property
    def answered(self) -> bool:
        """Whether the two have agreed on a cipher; a server has sent its certificate then."""
        return self._tls.cipher() is not None

    def problem(self, error: BaseException) -> str:
        """Why the handshake failed with `error`, in words about the peer ("it …")."""
        return handshake_problem(error, self.server_name, self._claims())

    def _claims(self) -> Shown | None:
        # `getpeercert` gives nothing after a refusal, and the sentence about it needs the names and the dates. OpenSSL
        # 3.0 keeps the chain before it judges it. Python hands it out since 3.10, publicly since 3.13 as bare bytes.
        with contextlib.suppress(AttributeError, LookupError, ValueError, ssl.SSLError):
            chain = self._tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
            return claims_of(chain[0].get_info(), time.time()) if chain else None
        return None

    def info(self) -> TlsInfo:
        """What both sides agreed on."""
        cipher, certificate = self._tls.cipher(), self.peer_certificate()
        tls = self._tls
        return TlsInfo(
            version=tls.version() or "",
            cipher=cipher[0] if cipher else "",
            alpn=tls.selected_alpn_protocol(),
            server_name=tls.asked_name if isinstance(tls, ServerSideObject) else self.server_name,
            peer_certificate=dict(tls.getpeercert() or {}),
            peer_pin=pin_of(certificate) if certificate else None,
        )

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self.error = error
            return
        self.shaking = False

    def _decrypt(self, found: list[bytes]) -> None:
        tls, incoming = self._tls, self._incoming
        try:
            # Asking costs less than the exception that says there is nothing.
            while incoming.pending or tls.pending():
                plain = tls.read(PIECE_BYTES)
                if not plain:
                    self.ended = True
                    return
                found.append(plain)
        except ssl.SSLWantReadError:
            return
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError as error:
            self.error = error
