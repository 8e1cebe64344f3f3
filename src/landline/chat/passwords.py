"""Passwords: scrypt (RFC 7914), in threads of their own, as each takes a tenth of a second."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unicodedata import normalize

COST, BLOCKS, LANES = 2**14, 8, 5
"""N, r and p as OWASP advises: 16 MiB and about 0.1 s for a guess."""
SALT_BYTES = 16


class Passwords:
    """Hashes and checks passwords without holding anybody up. Results come on another thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="landline chat passwords")

    def hash(self, password: str, done: Callable[[str], None]) -> None:
        """Make the secret that is kept of a password; `done` gets it."""
        self._threads.submit(lambda: done(secret_of(password)))

    def check(self, password: str, secret: str, done: Callable[[bool], None]) -> None:
        """Check a password; `done` gets whether it is right."""
        self._threads.submit(lambda: done(is_right(password, secret)))

    def close(self) -> None:
        """End the thread; what waits is left undone."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def secret_of(password: str) -> str:
    """`scrypt$N$r$p$SALT$HASH` of a password, with a new salt."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"scrypt${COST}${BLOCKS}${LANES}${salt.hex()}${_hash(password, salt, COST, BLOCKS, LANES).hex()}"


def is_right(password: str, secret: str) -> bool:
    """Whether a secret was made of this password. False for a secret of another kind."""
    try:
        kind, cost, blocks, lanes, salt, hashed = secret.split("$")
        found = _hash(password, bytes.fromhex(salt), int(cost), int(blocks), int(lanes))
        return kind == "scrypt" and hmac.compare_digest(found, bytes.fromhex(hashed))
    except ValueError:
        return False


def _hash(password: str, salt: bytes, cost: int, blocks: int, lanes: int) -> bytes:
    # The same keys give other characters on other systems (RFC 8265, 4.2.2). A lone surrogate must not raise.
    text = normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=cost, r=blocks, p=lanes, maxmem=2**27, dklen=32)
