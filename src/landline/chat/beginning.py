"""The beginning of a chat: what makes one log another than all others."""

from __future__ import annotations

import secrets
import time

from landline.chat.entries import Genesis


def new_genesis() -> Genesis:
    """Begin a log: a new epoch and a new key."""
    draw = secrets.token_hex
    return Genesis(id=f"genesis-{draw(8)}", time=time.time(), epoch=draw(8), key=draw(32))
