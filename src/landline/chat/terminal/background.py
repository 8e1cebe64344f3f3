"""Whether a terminal is dark or light: asked of the terminal itself, before anything is drawn."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Mapping

ASK = b"\x1b]11;?\x1b\\\x1b[c"
"""OSC 11 asks for the background (xterm control sequences). Not all terminals answer it, but all answer DA1 behind it:
so the end is known without waiting."""
WAIT_SECONDS = 0.5
_COLOUR = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
_END = re.compile(rb"\x1b\[\?[0-9;]*c")


def is_light(answer: bytes, environment: Mapping[str, str]) -> bool:
    """Whether a terminal that answers so is light. Without an answer COLORFGBG decides; without that it is dark."""
    found = _COLOUR.search(answer)
    if found is not None:
        red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
        # The weights of ITU-R BT.709 for how bright a colour is to the eye.
        brightness: float = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        return brightness > 0.5
    ground = environment.get("COLORFGBG", "").rpartition(";")[2]
    # rxvt: the number of one of 16 colours; these are the bright ones that are used as a background.
    return ground in ("7", "15")


def ask_terminal(given: int, shown: int) -> bytes:
    """Ask the terminal behind the descriptors `given` (its keys) and `shown` for its background.

    Returns its answer; b"" if these are no terminal or it says nothing within half a second.
    """
    if not (os.isatty(given) and os.isatty(shown)) or os.environ.get("TERM", "dumb") in ("dumb", "linux"):
        return b""
    import termios
    import tty

    before = termios.tcgetattr(given)
    try:
        tty.setcbreak(given, termios.TCSANOW)
        os.write(shown, ASK)
        return _read_answer(given)
    finally:
        termios.tcsetattr(given, termios.TCSANOW, before)


def _read_answer(given: int) -> bytes:
    answer = b""
    end = time.monotonic() + WAIT_SECONDS
    while _END.search(answer) is None and len(answer) < 1000:
        ready, _, _ = select.select([given], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            break
        answer += os.read(given, 200)
    return answer
