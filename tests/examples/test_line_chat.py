"""The line chat, with people who have nothing but nc."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from line_chat import plain
from tests.examples.rig import WAIT_SECONDS, Example, example
from tests.peers import require_peer


class Person:
    """Somebody with nc."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process, self._says, self._hears = process, process.stdin, process.stdout

    def says(self, line: bytes) -> None:
        """Type a line."""
        self._says.write(line + b"\n")
        self._says.flush()

    def hears(self) -> bytes:
        """The next line on the screen."""
        return self._hears.readline().rstrip(b"\n")

    def leaves(self) -> None:
        """Press Ctrl-D; nc ends when the chat has hung up."""
        self._says.close()
        assert self.process.wait(WAIT_SECONDS) == 0


@contextmanager
def person(chat: Example, name: bytes) -> Iterator[Person]:
    """Somebody who calls and says a name."""
    command = [require_peer("nc.openbsd"), "-N", "127.0.0.1", chat.port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            one = Person(process)
            assert one.hears() == b"What is your name?"
            one.says(name)
            yield one
        finally:
            process.kill()


def test_three_people_talk() -> None:
    with example("line_chat.py") as chat, person(chat, b"Ann") as ann:
        assert ann.hears() == b"Here: nobody yet"
        with person(chat, "Bo\u00eb".encode()) as bob:
            assert bob.hears() == b"Here: Ann"
            assert ann.hears() == "* Bo\u00eb has come".encode()
            with person(chat, b"\x1b[2J") as cid:
                assert cid.hears() == "Here: Ann, Bo\u00eb".encode()
                assert [ann.hears(), bob.hears()] == [b"* [2J has come"] * 2
                ann.says(b"hello \x1b]0;both\x07")
                assert [bob.hears(), cid.hears()] == [b"Ann: hello ]0;both"] * 2
                cid.leaves()
            assert [ann.hears(), bob.hears()] == [b"* [2J has gone"] * 2
            bob.says(b"\xff is not UTF-8")
            assert bob.hears().startswith(b"error invalid: ")
            bob.says(b"still here")
            assert ann.hears() == "Bo\u00eb: still here".encode()
            bob.leaves()
        assert ann.hears() == "* Bo\u00eb has gone".encode()
        ann.leaves()


def test_somebody_leaves_before_saying_a_name() -> None:
    with example("line_chat.py") as chat:
        nobody = [require_peer("nc.openbsd"), "-N", "127.0.0.1", chat.port]
        done = subprocess.run(nobody, input=b"", capture_output=True, timeout=WAIT_SECONDS)
        assert done.stdout == b"What is your name?\n"
        with person(chat, b"") as ann:
            assert ann.hears() == b"Here: nobody yet"


def test_what_a_terminal_would_obey_is_left_out() -> None:
    assert plain(" caf\u00e9 \u202e\x1b[31m\t\U0001f600 ") == "caf\u00e9 [31m\U0001f600"
