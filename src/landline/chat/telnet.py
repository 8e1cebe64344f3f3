"""Telnet, as far as a chat must know it (RFC 854): its commands are taken out of what people type.

Nothing is answered. A telnet whose offers are not answered stays what it is at first, a terminal that sends whole lines
and shows what it sends: just what a chat wants. Answers could only begin a loop (RFC 1143).
"""

from __future__ import annotations

from enum import Enum, auto

IAC = 0xFF
"""Interpret as command. No text in UTF-8 has this byte, so it is a telnet that sends it."""
_SB, _SE = 0xFA, 0xF0
_WILL, _DONT = 0xFB, 0xFE
_LEAST_COMMAND = 0xEC
"""The first byte that is a command (EOF, RFC 1184); who sends IAC and a lower one types Latin-1."""
MOST_SUBNEGOTIATION_BYTES = 1024
"""One that goes on for longer has no end; what follows is text again."""

_CR, _NUL, _LF = 0x0D, 0x00, 0x0A


class _State(Enum):
    TEXT = auto()
    CR = auto()
    COMMAND = auto()
    OPTION = auto()
    WITHIN = auto()
    WITHIN_COMMAND = auto()


class Telnet:
    """Takes the commands of telnet out of a stream of bytes, however it is cut. Does nothing until it sees one."""

    __slots__ = ("_length", "_state", "is_active")

    def __init__(self) -> None:
        self.is_active = False
        self._state = _State.TEXT
        self._length = 0

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes. Returns what is text of them; Enter, which telnet sends as CR NUL, becomes CR LF."""
        if not self.is_active:
            place = data.find(IAC)
            if place < 0:
                return data
            self.is_active = True
            return data[:place] + self._filtered(data[place:])
        return self._filtered(data)

    def _filtered(self, data: bytes) -> bytes:
        text = bytearray()
        for byte in data:
            if self._state in (_State.TEXT, _State.CR):
                self._read_text(byte, text)
            elif self._state is _State.COMMAND:
                self._read_command(byte, text)
            elif self._state is _State.OPTION:
                self._state = _State.TEXT
            else:
                self._read_within(byte)
        return bytes(text)

    def _read_text(self, byte: int, text: bytearray) -> None:
        was_cr = self._state is _State.CR
        self._state = _State.CR if byte == _CR else _State.COMMAND if byte == IAC else _State.TEXT
        if byte != IAC:
            text.append(_LF if was_cr and byte == _NUL else byte)

    def _read_command(self, byte: int, text: bytearray) -> None:
        self._state = _State.TEXT
        if byte == _SB:
            self._state, self._length = _State.WITHIN, 0
        elif _WILL <= byte <= _DONT:
            self._state = _State.OPTION
        elif byte == IAC:
            text.append(IAC)
        elif byte < _LEAST_COMMAND and byte != _SE:
            text.append(IAC)
            self._read_text(byte, text)

    def _read_within(self, byte: int) -> None:
        self._length += 1
        if self._length > MOST_SUBNEGOTIATION_BYTES:
            self._state = _State.TEXT
        elif self._state is _State.WITHIN_COMMAND:
            self._state = _State.TEXT if byte == _SE else _State.WITHIN
        elif byte == IAC:
            self._state = _State.WITHIN_COMMAND
