"""Pairing: two sides that know the same code find the same secret inside a TLS session, and nobody between them does.

SPAKE2 (Abdalla and Pointcheval, 2005) runs inside a finished TLS session, bound to the certificate that the caller saw
there: who sits in the middle has to show a certificate of his own, and then the two sides find different secrets.
docs/decisions/0008-pairing.md has the reasons, and what is taken for granted.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Callable
from typing import Any

from landline.errors import CodeBurnt, PairingFailed, UsageError
from landline.transfer.code import Code

PROTOCOL = b"landline transfer 1"
MESSAGE_BYTES = 33
"""One byte for the side, and an element of the group (Ed25519)."""
CONFIRMATION_BYTES = 32
SECRET_BYTES = 32

_FIELD = 2**255 - 19


class Pairing:
    """One side of one try to pair.

    `code` is what this side was told, `caller` whether it is the one that called. `purpose` says what the two are
    about to do; both give the same. `certificate` is the TLS server's certificate in DER: the listening side gives its
    own, the caller the one that it was shown. `entropy(n)` gives n random bytes fit for secrets. Then, on both sides:
    send `message`, `take` the peer's, send `confirmation`, `check` the peer's, and use `secret`. An object serves once.
    Raises UsageError where the package `spake2` is missing or `certificate` is empty.
    """

    def __init__(
        self,
        code: Code,
        caller: bool,
        purpose: bytes,
        certificate: bytes,
        *,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not certificate:
            raise UsageError("pairing needs the certificate of the TLS session that it protects, and there is none")
        seen = hashlib.sha256(certificate).digest()
        common = (PROTOCOL, purpose, str(code.number).encode("ascii"), seen)
        self._identities = (_joined(b"caller", *common), _joined(b"listener", *common))
        self._caller = caller
        self._exchange = _new_exchange(code.secret, caller, self._identities, entropy)
        self._message: bytes = self._exchange.start()
        self._keys: _Keys | None = None
        self._taken = False
        self._failed = False
        self._checked = False

    def __repr__(self) -> str:
        return f"<Pairing as {'caller' if self._caller else 'listener'}>"

    @property
    def message(self) -> bytes:
        """The 33 bytes to send first."""
        return self._message

    def take(self, peer_message: bytes) -> None:
        """Take the peer's message. Raises PairingFailed if it cannot be one, RuntimeError if there was one already."""
        if self._taken:
            raise RuntimeError("this pairing has taken a message already; make a new one for each try")
        self._taken = True
        if not _may_be_message(peer_message):
            raise self._fail()
        try:
            key: bytes = self._exchange.finish(peer_message)
        except _errors_of_exchange() as error:
            raise self._fail() from error
        ours, theirs = self._message, bytes(peer_message)
        messages = (ours, theirs) if self._caller else (theirs, ours)
        self._keys = _Keys(key, _joined(*self._identities, *messages))

    @property
    def confirmation(self) -> bytes:
        """The 32 bytes that prove to the peer that we know the code. Raises RuntimeError before `take`."""
        return self._known_keys().confirmation_of(self._caller)

    def check(self, peer_confirmation: bytes) -> None:
        """Check the peer's proof. Raises PairingFailed if it is not right, now and for good; RuntimeError before
        `take`.
        """
        if self._failed:
            raise PairingFailed
        if not hmac.compare_digest(self._known_keys().confirmation_of(not self._caller), bytes(peer_confirmation)):
            raise self._fail()
        self._checked = True

    @property
    def secret(self) -> bytes:
        """The 32 bytes that only the two sides know. Raises RuntimeError unless `check` has succeeded."""
        if not self._checked:
            raise RuntimeError("the secret of a pairing is not to be used before check() has succeeded")
        return self._known_keys().secret

    def _known_keys(self) -> _Keys:
        if self._keys is None:
            raise RuntimeError("a pairing has no keys before take() has succeeded")
        return self._keys

    def _fail(self) -> PairingFailed:
        self._failed, self._checked, self._keys = True, False, None
        return PairingFailed()


class _Keys:
    """What both sides derive from the key of the exchange and all that was said."""

    def __init__(self, key: bytes, transcript: bytes) -> None:
        self._transcript = transcript
        self._key = key
        self.secret = self._derive(b"secret")

    def confirmation_of(self, caller: bool) -> bytes:
        # A key for each role: what one side sent, thrown back at it, proves nothing.
        role_key = self._derive(b"confirm caller" if caller else b"confirm listener")
        return hmac.digest(role_key, self._transcript, "sha256")

    def _derive(self, label: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), SECRET_BYTES, None, _joined(PROTOCOL, label, self._transcript)).derive(self._key)


class OneGuess:
    """Guards a code, so that it is tried once. Threads may share it.

    The side that guards calls `take` when a peer's message has come and before it answers: who came and left without
    one has learnt nothing, and has spent nothing. `accept` says that the peer's proof was right.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = False
        self._used = False

    @property
    def spent(self) -> bool:
        """Whether somebody has had the try, right or wrong."""
        return self._spent

    @property
    def used(self) -> bool:
        """Whether the try was the right one."""
        return self._used

    def take(self) -> None:
        """Take the one try. Raises CodeBurnt if somebody had it before."""
        with self._lock:
            if self._spent:
                raise CodeBurnt(self._used)
            self._spent = True

    def accept(self) -> None:
        """Say that the try was the right one. Raises RuntimeError if nobody has taken it."""
        with self._lock:
            if not self._spent:
                raise RuntimeError("nobody has tried this code yet; call take() first")
            self._used = True


def _joined(*parts: bytes) -> bytes:
    """The parts as one text that no other parts give: each behind its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _new_exchange(
    password: bytes, caller: bool, identities: tuple[bytes, bytes], entropy: Callable[[int], bytes]
) -> Any:
    try:
        import spake2  # type: ignore[import-untyped]
    except ImportError:
        raise UsageError(
            "code phrases need the package spake2; install it with: pip install 'landline[transfer]'"
        ) from None
    side = spake2.SPAKE2_A if caller else spake2.SPAKE2_B
    return side(password, *identities, entropy_f=entropy)


def _may_be_message(message: bytes) -> bool:
    """Whether this is a side and the one encoding of an element other than zero (RFC 8032, section 5.1.3).

    spake2 reads 32 bytes and overlooks more of them, and takes numbers beyond the field, zero among them, for what they
    are modulo the field. Whether the element is on the curve and in the right group, it checks itself.
    """
    if len(message) != MESSAGE_BYTES:
        return False
    return 1 < int.from_bytes(message[1:], "little") % 2**255 < _FIELD


def _errors_of_exchange() -> tuple[type[Exception], ...]:
    from spake2 import SPAKEError
    from spake2.ed25519_basic import NotOnCurve  # type: ignore[import-untyped]

    return SPAKEError, NotOnCurve, ValueError, AssertionError
