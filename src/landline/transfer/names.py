"""The names of what is transferred: which may land, and what is to be said about them. Pure; names are bytes.

A name travels as its parts, top first: `(b"photos", b"2024", b"sea.jpg")`. Linux takes any bytes but `/` and NUL, and
so does Landline: a name that is odd to look at is made harmless where it is shown, and lands as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from landline.errors import TransferError, shown_name

STAGING_PREFIX = b".landline-"
"""How the folders begin in which we keep unfinished transfers, at the top of a destination."""
MAX_PART_BYTES = 255
"""NAME_MAX of Linux: what a part may have at most (path_resolution(7))."""
MAX_NAME_BYTES = 4096
"""PATH_MAX of Linux. Landing never passes whole paths to the kernel, but other programs will."""
MAX_PARTS = 200
"""How deep a tree may be: each level costs a descriptor for a moment."""
MAX_TARGET_BYTES = 4095
"""The longest target a symbolic link may have (symlink(2))."""

_SHOWN_BYTES = 200
_MAX_SUFFIX_BYTES = 16
_FORBIDDEN_ON_WINDOWS = frozenset('<>:"|?*\\')
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}) | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789\u00b9\u00b2\u00b3"
}


class NameRefused(TransferError):
    """A name may not land. `name` is all of it, its parts joined by `/`; `problem` says what is wrong with it."""

    def __init__(self, name: bytes, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"the name {_shortly(self.name)} {self.problem}; rename it where it comes from"


def _shortly(name: bytes) -> str:
    if len(name) <= _SHOWN_BYTES:
        return shown_name(name)
    return f"{shown_name(name[:_SHOWN_BYTES])} (and {len(name) - _SHOWN_BYTES} more bytes)"


def check_parts(parts: Sequence[bytes]) -> None:
    """Make sure that a name stays below the folder it lands in, and that the kernel can take it.

    `parts` are the folders and at last the name itself. Every name of a peer passes here, whatever it is for. Raises
    NameRefused.
    """
    if problem := _problem(parts):
        raise NameRefused(b"/".join(parts), problem)


def _problem(parts: Sequence[bytes]) -> str | None:
    if not parts:
        return "is empty"
    if len(parts) > MAX_PARTS:
        return f"has {len(parts)} parts and the most is {MAX_PARTS}"
    # Without regard to case: there are file systems on which `.LANDLINE-...` is the same folder.
    if parts[0][: len(STAGING_PREFIX)].lower() == STAGING_PREFIX:
        return f"begins with {STAGING_PREFIX.decode()}, which is for unfinished transfers"
    for part in parts:
        if problem := _part_problem(part):
            return problem
    size = sum(map(len, parts)) + len(parts) - 1
    return f"has {size} bytes and the most is {MAX_NAME_BYTES}" if size > MAX_NAME_BYTES else None


def _part_problem(part: bytes) -> str | None:
    if not part:
        return "has an empty part"
    if part in (b".", b".."):
        return f"has the part {part.decode()!r}, which is another folder"
    if b"/" in part:
        return "has a / inside one of its parts"
    if b"\0" in part:
        return "has a zero byte in it"
    if len(part) > MAX_PART_BYTES:
        return f"has a part of {len(part)} bytes and the most is {MAX_PART_BYTES}"
    return None


def link_problem(parts: Sequence[bytes], target: bytes) -> str | None:
    """What speaks against a symbolic link that must stay inside its transfer, or None.

    `parts` is the name of the link, `target` what it points to. The target must be relative and lead into the top-level
    folder of the transfer. `..` may only stand at its beginning: there it leaves real folders, while behind a name,
    which may be another link, it could lead anywhere (the way round tar's filter of CVE-2025-4517).
    """
    if not target or b"\0" in target or len(target) > MAX_TARGET_BYTES:
        return f"a link whose target has {len(target)} bytes, or a zero byte, cannot be"
    if target.startswith(b"/"):
        return f"its target {_shortly(target)} is absolute"
    steps = [step for step in target.split(b"/") if step not in (b"", b".")]
    up = next((number for number, step in enumerate(steps) if step != b".."), len(steps))
    if b".." in steps[up:]:
        return f"its target {_shortly(target)} goes up again after going down"
    resolved = [*parts[: max(0, len(parts) - 1 - up)], *steps[up:]]
    if up > len(parts) - 1 or not resolved or resolved[0] != parts[0]:
        return f"its target {_shortly(target)} lies outside of what is transferred"
    return None


def portable_problem(part: bytes) -> str | None:
    """What keeps one part of a name from being one on Windows and macOS too, or None.

    `part` is a part that Linux takes. The rules are Microsoft's for Win32 file names, and UTF-8.
    """
    try:
        text = part.decode("utf-8")
    except UnicodeDecodeError:
        return "is not UTF-8"
    if any(character < " " or character == "\x7f" for character in text):
        return "has a control character"
    if found := _FORBIDDEN_ON_WINDOWS.intersection(text):
        return f"has {min(found)} in it"
    if text.endswith((".", " ")):
        return "ends with a dot or a space"
    # Windows takes CON.txt and "CON .txt" for the device CON.
    if text.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        return "is the name of a device on Windows"
    return None


def folded(parts: Sequence[bytes]) -> str:
    """A key that is the same for names that differ only in case or in how their accents are written.

    `parts` is the name. On Linux both land; for the user they may be one too many, and elsewhere they are one file.
    """
    text = b"/".join(parts).decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def renamed(part: bytes, number: int) -> bytes:
    """The part with a number before its suffix: `photo.jpg` is `photo (2).jpg`, `a.tar.gz` is `a (2).tar.gz`.

    `part` is at most 255 bytes, and so is what comes back: a long stem is cut, between two characters where it is
    UTF-8. `number` is 2 or more.
    """
    stem, suffix = _split_suffix(part)
    tail = b" (%d)%s" % (number, suffix)
    return _cut(stem, MAX_PART_BYTES - len(tail)) + tail


def _split_suffix(part: bytes) -> tuple[bytes, bytes]:
    """The stem and the suffix, with its dot. A leading dot begins no suffix, and a sentence after a dot is none."""
    stem, dot, last = part.rpartition(b".")
    if not stem.strip(b".") or not last or len(last) >= _MAX_SUFFIX_BYTES or b" " in last:
        return part, b""
    if stem.lower().endswith(b".tar") and len(stem) > len(b".tar"):
        return stem[:-4], stem[-4:] + dot + last
    return stem, dot + last


def _cut(stem: bytes, size: int) -> bytes:
    if len(stem) <= size:
        return stem
    try:
        stem.decode("utf-8")
    except UnicodeDecodeError:
        return stem[:size]
    return stem[:size].decode("utf-8", "ignore").encode("utf-8")


def stripped_mode(mode: int) -> int:
    """The permission bits of a mode and nothing else: no set-user-id, no set-group-id, no sticky bit."""
    return mode & 0o777


def flags(parts: Sequence[bytes], mode: int) -> tuple[str, ...]:
    """What a person should know before a file is accepted: `hidden`, `executable`, both or neither.

    `parts` is its name, `mode` its permissions (of a folder: 0, as the bit means something else there).
    """
    hidden = any(part.startswith(b".") for part in parts)
    return ("hidden",) * hidden + ("executable",) * bool(mode & 0o111)
