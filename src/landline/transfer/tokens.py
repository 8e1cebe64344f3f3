"""Tokens: who may put files into a drop, and where. A token never travels; what travels proves that one knows it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import shlex
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from landline.errors import TokenFileError, shown_name

log = logging.getLogger("landline.transfer")

FEWEST_CHARACTERS = 16
"""Who listens in on one proof can try tokens at home, so a token must be too long for that."""
MAX_FILE_BYTES = 1 << 20

_LABEL = b"landline transfer token\0"
_NAME = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TOKEN = re.compile(rb"[!-~]{16,1024}")
_UNREADABLE = {FileNotFoundError: "there is no such file", PermissionError: "this user may not read it"}

Path = str | os.PathLike[str]
Signature = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token opens: `name` is whose it is, `folder` where in the drop their files go (empty: right there)."""

    name: str
    folder: bytes = b""


class Tokens:
    """The tokens of a drop, and the file that they stand in. Threads may share it.

    A line of the file is `NAME TOKEN [FOLDER]`; empty lines, and lines that start with #, say nothing. `Tokens.load`
    makes one.
    """

    def __init__(self, path: str, signature: Signature, entries: tuple[tuple[str, Grant], ...]) -> None:
        self._path = path
        self._signature = signature
        self._entries = entries
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Tokens {self._path}>"

    @classmethod
    def load(cls, path: Path) -> Tokens:
        """Read the tokens in the file at `path`. Returns them. Raises TokenFileError."""
        name = os.fspath(path)
        # Signed before it is read: a file that changes meanwhile is then seen as changed at the next look.
        signature = _sign(name)
        return cls(name, signature, _read_entries(name))

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What all the tokens open, in the order of the file."""
        return tuple(grant for _, grant in self._entries)

    def find(self, proof: bytes, context: bytes) -> Grant | None:
        """The grant of the token that `proof` was made from with this `context`, or None.

        A file that has changed is read first, so that a token that was taken out opens nothing any more.
        """
        self.reload()
        found = None
        # All are compared, whichever it is: the time it takes tells nothing.
        for token, grant in self._entries:
            if hmac.compare_digest(prove(token, context), proof):
                found = grant
        return found

    def reload(self) -> bool:
        """Read the file again if it has changed. Returns whether other tokens are in force now.

        A file that cannot be used is told to the log once, and the tokens from before stay in force.
        """
        with self._lock:
            signature = _sign(self._path)
            if signature == self._signature:
                return False
            self._signature = signature
            try:
                entries = _read_entries(self._path)
            except TokenFileError as error:
                log.error("%s; the tokens from before stay in force", error)
                return False
            changed = entries != self._entries
            self._entries = entries
        return changed


def prove(token: str, context: bytes) -> bytes:
    """The 32 bytes that prove that one knows `token`, once: `context` is the receiver's nonce, which no other proof was
    made with, and the hash of its certificate, so that nobody in the middle can pass the proof on.
    """
    return hmac.digest(token.encode(), _LABEL + context, hashlib.sha256)


def new_token() -> str:
    """A new token: 192 bits of chance in 32 characters."""
    return secrets.token_urlsafe(24)


def read_token(path: Path) -> str:
    """The first token in the file at `path`, which may be a pipe: alone on a line, or in one of a drop's file.

    Raises TokenFileError.
    """
    name = os.fspath(path)
    for number, line in enumerate(_read_private(name).split(b"\n"), 1):
        words = line.split(None, 2)
        if words and not words[0].startswith(b"#"):
            return _token(name, number, words[0] if len(words) == 1 else words[1])
    raise TokenFileError(name, "it holds no token; write it on the first line")


def _read_entries(path: str) -> tuple[tuple[str, Grant], ...]:
    entries = tuple(_parsed(path, _read_private(path)))
    if not entries:
        raise TokenFileError(path, "it holds no token; add a line of the form NAME TOKEN [FOLDER]")
    return entries


def _parsed(path: str, data: bytes) -> Iterator[tuple[str, Grant]]:
    names: dict[str, int] = {}
    tokens: dict[str, int] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        fields = line.split(None, 2)
        if not fields or fields[0].startswith(b"#"):
            continue
        name = _name(path, number, fields[0])
        if len(fields) == 1:
            # It is not shown: it may be a token without its name.
            raise TokenFileError(path, "it has one word; a line is NAME TOKEN [FOLDER]", number)
        token = _token(path, number, fields[1])
        for what, value, seen in (("name", name, names), ("token", token, tokens)):
            first = seen.setdefault(value, number)
            if first != number:
                raise TokenFileError(path, f"its {what} stands on line {first} already; give each its own", number)
        yield token, Grant(name, _folder(path, number, fields[2].strip()) if len(fields) == 3 else b"")


def _name(path: str, line: int, field: bytes) -> str:
    if not _NAME.fullmatch(field):
        # It is not shown: who forgot the name has a token here.
        raise TokenFileError(
            path, "its first word is not a name; a name has 1 to 64 letters, digits, dots, dashes and underscores", line
        )
    return field.decode("ascii")


def _token(path: str, line: int, field: bytes) -> str:
    if not _TOKEN.fullmatch(field):
        raise TokenFileError(
            path,
            f"a token has at least {FEWEST_CHARACTERS} characters, all of them printable ASCII and none a space, "
            f"and this one has {len(field)} bytes",
            line,
        )
    return field.decode("ascii")


def _folder(path: str, line: int, field: bytes) -> bytes:
    if b"\0" in field or any(part in (b"", b".", b"..") for part in field.rstrip(b"/").split(b"/")):
        raise TokenFileError(
            path, f"{shown_name(field)} is not a folder below the drop's; write for example inbox/ann", line
        )
    return field.rstrip(b"/")


def _read_private(path: str) -> bytes:
    """What is in the file, if nobody but its owner may read or change it."""
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                problem = f"others than its owner may read or change it (mode {mode:03o})"
                raise TokenFileError(path, f"{problem}; run: chmod 600 {shlex.quote(path)}")
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        problem = _UNREADABLE.get(type(error)) or os.strerror(error.errno or 0).lower()
        raise TokenFileError(path, problem) from error
    if len(data) > MAX_FILE_BYTES:
        raise TokenFileError(path, f"it has more than {MAX_FILE_BYTES} bytes; is it the right file?")
    return data


def _sign(path: str) -> Signature:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # The time of change sees a new mode as well, and a file that was put back with its old time.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
