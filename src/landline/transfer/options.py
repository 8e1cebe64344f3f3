"""What a person may choose about a transfer; every value is checked when it is given. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from landline.errors import LimitError

IfExists = Literal["refuse", "rename", "replace", "skip-same"]
"""What becomes of a file whose name is taken: it fails, takes another name, takes the place, or the same is left."""
Symlinks = Literal["keep", "follow", "skip"]
"""What becomes of symbolic links in folders: they travel as links; as what they point to; not at all."""

MOST_STREAMS = 8
LEAST_MEMORY_BYTES = 16 * 1024 * 1024
MEMORY_BYTES = 64 * 1024 * 1024
RETRY_SECONDS = 120.0
LONGEST_SECONDS = 30 * 86400.0
"""Nothing is waited for longer than a month: by then both sides have forgotten the transfer."""
LEAST_RATE = 1024
KEEP_PARTIAL_DAYS = 7.0
MOST_KEPT_DAYS = 3650.0


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How to send.

    `if_exists` is a wish of the sender, None leaves it to the receiver. `limit_bytes_per_second` (from 1024; None: no
    limit) holds for all connections together. `streams` (1 to 8; None: as the receiver says) is the most data
    connections. `wait_space_seconds` (0 to 30 days) asks the receiver to wait for room on a full disk. `trusted_link`
    sends data without TLS, to this machine or to one of `trusted_peers` (host names or addresses) alone, and only if
    the receiver agrees. `symlinks` is what becomes of links inside folders. `memory_bytes` (from 16 MiB) bounds the
    buffers. `retry_seconds` (0 to 30 days) is how long to try without getting on before giving up. `stream_name` is the
    name of what comes from standard input. Raises LimitError for a value out of its range.
    """

    if_exists: IfExists | None = None
    limit_bytes_per_second: int | None = None
    streams: int | None = None
    wait_space_seconds: float = 0.0
    trusted_link: bool = False
    trusted_peers: tuple[str, ...] = ()
    symlinks: Symlinks = "keep"
    memory_bytes: int = MEMORY_BYTES
    retry_seconds: float = RETRY_SECONDS
    stream_name: bytes = b"stdin"

    def __post_init__(self) -> None:
        check_choice("if_exists", self.if_exists, (*get_args(IfExists), None))
        check_choice("symlinks", self.symlinks, get_args(Symlinks))
        check_range("limit_bytes_per_second", self.limit_bytes_per_second, LEAST_RATE, None, optional=True)
        check_range("streams", self.streams, 1, MOST_STREAMS, optional=True)
        check_range("wait_space_seconds", self.wait_space_seconds, 0, LONGEST_SECONDS)
        check_range("retry_seconds", self.retry_seconds, 0, LONGEST_SECONDS)
        check_range("memory_bytes", self.memory_bytes, LEAST_MEMORY_BYTES, None)
        name = self.stream_name
        if not isinstance(name, bytes) or name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
            raise LimitError("stream_name", name, "a file name in bytes, without a slash")


LandedSymlinks = Literal["skip", "inside", "keep"]
"""Which symbolic links land: none; those that stay inside of what is transferred; all as they are."""


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """How to receive.

    `if_exists` says what becomes of a file whose name is taken; a sender may ask for another way unless that replaces
    files. `symlinks` says which links land (None: none in a drop, those inside with a code). `limit_bytes_per_second`
    (from 1024; None: no limit) holds for each transfer. `keep_partial_days` (0 to 3650) is how long an unfinished
    transfer may lie. `wait_space_seconds` (0 to 30 days) is how long to wait for room on a full disk. `streams` (1 to
    8; None: 1 where the other side is near, else 4) is the most data connections. `max_file_bytes`, `max_files` and
    `quota_bytes` bound one file, the files of one transfer and what is in the folder in all (None: no bound).
    `trusted_link` takes data without TLS from this machine or from one of `trusted_peers` (host names or addresses), if
    the sender asks for it. `portable_names` takes only names that Windows and macOS have too. `on_complete` is a
    program and its arguments, run after each transfer of a drop. `memory_bytes` (from 16 MiB) bounds the buffers of a
    transfer. Raises LimitError for a value out of its range.
    """

    if_exists: IfExists = "refuse"
    symlinks: LandedSymlinks | None = None
    limit_bytes_per_second: int | None = None
    keep_partial_days: float = KEEP_PARTIAL_DAYS
    wait_space_seconds: float = 0.0
    streams: int | None = None
    max_file_bytes: int | None = None
    max_files: int | None = None
    quota_bytes: int | None = None
    trusted_link: bool = False
    trusted_peers: tuple[str, ...] = ()
    portable_names: bool = False
    on_complete: tuple[str, ...] = ()
    memory_bytes: int = MEMORY_BYTES
    retry_seconds: float = RETRY_SECONDS

    def __post_init__(self) -> None:
        check_choice("if_exists", self.if_exists, get_args(IfExists))
        check_choice("symlinks", self.symlinks, (*get_args(LandedSymlinks), None))
        check_range("limit_bytes_per_second", self.limit_bytes_per_second, LEAST_RATE, None, optional=True)
        check_range("keep_partial_days", self.keep_partial_days, 0, MOST_KEPT_DAYS)
        check_range("wait_space_seconds", self.wait_space_seconds, 0, LONGEST_SECONDS)
        check_range("streams", self.streams, 1, MOST_STREAMS, optional=True)
        for name in ("max_file_bytes", "max_files", "quota_bytes"):
            check_range(name, getattr(self, name), 0, None, optional=True)
        check_range("memory_bytes", self.memory_bytes, LEAST_MEMORY_BYTES, None)
        check_range("retry_seconds", self.retry_seconds, 0, LONGEST_SECONDS)


def check_choice(name: str, value: object, allowed: tuple[str | None, ...]) -> None:
    """Check that a value is one of those `allowed`. Raises LimitError."""
    if value not in allowed:
        raise LimitError(name, value, "one of " + ", ".join(repr(one) for one in allowed))


def check_range(name: str, value: float | None, least: float, most: float | None, *, optional: bool = False) -> None:
    """Check that a number is from `least` to `most` (None: no end); None is good if it is `optional`.

    Raises LimitError.
    """
    if value is None and optional:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value is None or not least <= value <= (float("inf") if most is None else most):
        allowed = f"a number from {least:.10g}" + ("" if most is None else f" to {most:.10g}")
        raise LimitError(name, value, allowed + (", or None" if optional else ""))
