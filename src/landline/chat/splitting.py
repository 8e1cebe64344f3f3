"""Lines out of bytes, however these are cut, and never more held than one line may have.

The framing of lines ends a conversation at the end of the stream in mid-line; here the last line counts without its
end, because that is how `printf hello | nc` says hello.
"""

from __future__ import annotations


class Splitter:
    """Cuts a stream at each LF. `most` is how many bytes a line may have, its end not counted."""

    __slots__ = ("_held", "_most", "is_over")

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = bytearray()
        self.is_over = False
        """Whether a line was longer; nothing is taken from then on."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes. Returns the lines they complete, without LF or CR LF; those before one that is too long
        come, and none behind it."""
        if self.is_over:
            return []
        *whole, rest = data.split(b"\n")
        lines: list[bytes] = []
        for piece in whole:
            line = bytes(self._held) + piece if self._held else piece
            self._held.clear()
            line = line.removesuffix(b"\r")
            if len(line) > self._most:
                self.is_over = True
                return lines
            lines.append(line)
        self._held += rest
        # A CR may be half of the end of the line.
        if len(self._held.removesuffix(b"\r")) > self._most:
            self.is_over = True
            self._held.clear()
        return lines

    @property
    def held(self) -> bytes:
        """What of a line has come so far."""
        return bytes(self._held)

    def rest(self) -> bytes:
        """The line that was begun and has no end; it is held no more."""
        line = bytes(self._held).removesuffix(b"\r")
        self._held.clear()
        return line
