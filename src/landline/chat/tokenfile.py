"""Who we are in which chat, between runs: one small private file for each chat and nick."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
from pathlib import Path

from landline.errors import UsageError

log = logging.getLogger("landline.chat")

MOST_TOKEN_BYTES = 4096


def token_folder() -> Path:
    """Where tokens are kept: `$XDG_STATE_HOME/landline/chat`; without the variable it is `~/.local/state`.

    XDG Base Directory Specification 0.8.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return root / "landline" / "chat"


class TokenFile:
    """The token of `nick` in the chat at `address`. What cannot be read is not there, and what cannot be written is
    logged: a chat without memory is better than none."""

    def __init__(self, address: str, nick: str, folder: Path | None = None) -> None:
        key = hashlib.sha256(f"{address}\n{nick.casefold()}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.path = (folder or token_folder()) / f"{key}.json"
        self._address = address
        self._nick = nick

    def load(self) -> str | None:
        """The token that was kept, if there is one."""
        try:
            kept = json.loads(self.path.read_bytes())
            token = kept["token"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("cannot read the token in %s, so this is a new guest: %s", self.path, error)
            return None
        return token if isinstance(token, str) and token else None

    def save(self, token: str) -> None:
        """Keep a token, for its owner alone to read; the file is there whole, or as it was before."""
        text = json.dumps({"address": self._address, "nick": self._nick, "token": token}, ensure_ascii=True)
        new = self.path.with_suffix(f".{secrets.token_hex(4)}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(text + "\n")
            new.replace(self.path)
        except OSError as error:
            log.warning("cannot keep the token in %s, so the next run is a new guest: %s", self.path, error)
            with contextlib.suppress(OSError):
                new.unlink()


def read_token(path: str) -> str:
    """The token in a file of somebody's own, its first line. Raises UsageError with what is wrong."""
    try:
        with open(path, "rb") as file:
            token = file.read(MOST_TOKEN_BYTES).split(b"\n", 1)[0].strip()
    except OSError as error:
        raise UsageError(f"cannot read the token file {path}: {os.strerror(error.errno or 0).lower()}") from None
    if not token or not token.isascii():
        raise UsageError(f"the token file {path} holds no token in its first line; put there what /bot NAME has shown")
    return token.decode("ascii")
