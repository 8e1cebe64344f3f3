"""Whether a terminal is dark or light."""

import os
import pty
import tty

import pytest

from landline.chat.terminal.background import ASK, ask_terminal, is_light


@pytest.mark.parametrize(
    ("answer", "environment", "light"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c", {}, True),
        (b"\x1b]11;rgb:00/00/00\x07\x1b[?1;2c", {"COLORFGBG": "0;15"}, False),
        (b"\x1b]11;rgba:fdfd/f6f6/e3e3/ffff\x07", {}, True),
        (b"\x1b[?6c", {"COLORFGBG": "0;default;15"}, True),
        (b"", {"COLORFGBG": "15;0"}, False),
        (b"", {}, False),
    ],
    ids=["white", "black", "solarized", "rxvt", "rxvt_dark", "silent"],
)
def test_the_answer_decides(answer: bytes, environment: dict[str, str], light: bool) -> None:
    assert is_light(answer, environment) is light


def test_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    try:
        # As an answer comes after the question, it is not echoed.
        tty.setcbreak(theirs)
        os.write(ours, b"\x1b]11;rgb:ff/ff/ff\x1b\\\x1b[?6c")
        assert ask_terminal(theirs, theirs) == b"\x1b]11;rgb:ff/ff/ff\x1b\\\x1b[?6c"
        assert ASK in os.read(ours, 200)
        monkeypatch.setenv("TERM", "dumb")
        assert ask_terminal(theirs, theirs) == b""
    finally:
        os.close(ours)
        os.close(theirs)
