"""Why a file, or a whole transfer, did not come about: one word each, the same everywhere. Pure."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What stood in the way of a file or of a whole transfer."""

    EXISTS = "exists"
    NAME = "name"
    KIND = "kind"
    DENIED = "denied"
    UNREADABLE = "unreadable"
    SPACE = "space"
    QUOTA = "quota"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    CHANGED = "changed"
    CORRUPT = "corrupt"
    REFUSED = "refused"
    BUSY = "busy"
    PROTOCOL = "protocol"
    VERSION = "version"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"
    SYSTEM = "system"
