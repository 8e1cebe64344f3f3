"""The terminal client as a person uses it, in a real terminal, against a real chat; and against one that means harm."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from landline.chat import notices
from landline.chat.wire import Hello, Join, decode_request
from tests.integration.rig import LANDLINE, WAIT_SECONDS, unused_port
from tests.integration.terminal import CTRL_C, ENVIRONMENT, Screen, screen
from tests.peers import require_peer

HOST = "127.0.0.1"


@contextmanager
def chat(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A chat on this port, with its history in this folder."""
    command = [LANDLINE, "chat", "serve", f"tcp://{HOST}:{port}", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("chat ")
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(WAIT_SECONDS)
        finally:
            process.kill()


class Somebody:
    """Somebody with nc."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [require_peer("nc"), HOST, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Somebody:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def say(self, *lines: str) -> None:
        """Write lines."""
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{line}\n" for line in lines))
        self._process.stdin.flush()

    def hears(self, words: str) -> str:
        """Wait for a line with these words."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if words in line:
                return line
        raise AssertionError(f"the chat has hung up before {words!r}")


def enter(shown: Screen, folder: Path, port: int, *options: str, environment: str = "") -> None:
    """Come into the chat as anna."""
    command = shlex.join([LANDLINE, "chat", f"{HOST}:{port}", "--as", "anna", *options])
    state = shlex.quote(str(folder))
    shown.enter(f"export XDG_STATE_HOME={state}; stty -a | tail -n +2 > {state}/before; {environment} {command}")
    shown.has("lobby ›")


def leave(shown: Screen, folder: Path) -> None:
    """Leave; the terminal is as it was before."""
    shown.press("C-q")
    shown.has("$", gone="lobby ›")
    shown.enter(f"stty -a | tail -n +2 > {folder}/behind; clear; echo over")
    shown.has("over", gone="stty")
    assert (folder / "before").read_text() == (folder / "behind").read_text()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_a_conversation(tmp_path: Path, columns: int, rows: int) -> None:
    port = unused_port()
    with chat(tmp_path / "data", port), screen(tmp_path, columns, rows) as shown:
        enter(shown, tmp_path, port)
        with Somebody(port) as bert:
            bert.say("/nick bert")
            bert.hears("bert")
            shown.enter("hello 日本語 👍")
            assert "日本語 👍" in bert.hears("anna:")
            bert.say("anna: \x1b]0;title\x07 is no escape")
            lines = shown.has("is no escape")
            assert ("Rooms" in lines[1]) is (columns == 200)
            shown.type("be")
            shown.press("Tab")
            shown.has("lobby › bert:")
            shown.press("C-u")
            bert.say(*(f"line {number}" for number in range(1, 8)))
            shown.has("line 7")
            shown.resize(100, 12)
            shown.has("Rooms")
            shown.press("PageUp")
            shown.has("End goes to the newest")
            bert.say("one more")
            shown.has("1 new below")
            shown.press("End")
            shown.has("one more", gone="End goes")
            shown.press("F3")
            shown.has("bert")
            shown.press("Escape")
            shown.press("F4")
            shown.has("words to look for")
            shown.enter("escape")
            shown.has("bert: anna:")
            shown.press("Escape")
        leave(shown, tmp_path)


def test_a_restart_is_told_and_nothing_is_missed(tmp_path: Path) -> None:
    port = unused_port()
    with screen(tmp_path, 80, 24) as shown:
        with chat(tmp_path / "data", port):
            enter(shown, tmp_path, port)
            shown.enter("before")
            shown.has("before")
        shown.has("the server restarts", gone="anna ●")
        shown.enter("said while it was away")
        shown.has("No connection.")
        with chat(tmp_path / "data", port), Somebody(port) as bert:
            bert.say("/nick bert", "meanwhile")
            shown.has("meanwhile", gone="No connection")
            lines = shown.has("said while it was away")
            shown.has("Back after")
            assert sum("said while it was away" in line for line in lines) == 1
            leave(shown, tmp_path)


@pytest.mark.parametrize(
    ("options", "environment", "colour"),
    [
        (["--light"], "COLORTERM=truecolor", "48;2;252;252;250"),
        (["--dark"], "COLORTERM=truecolor", "48;2;21;24;30"),
        ([], "COLORTERM=truecolor COLORFGBG='0;15'", ""),
        ([], "NO_COLOR=1", None),
    ],
    ids=["light", "dark", "asked", "none"],
)
def test_colours(tmp_path: Path, options: list[str], environment: str, colour: str | None) -> None:
    port = unused_port()
    with chat(tmp_path / "data", port), on_raw_terminal(tmp_path, port, *options, environment=environment) as terminal:
        terminal.expect_exact("quit")
        terminal.send("\x11")
        raw = everything(terminal)
    colours = re.findall(r"\x1b\[[0-9;]*[34]8;[0-9;]*m|\x1b\[(?:[0-9;]*;)?[349][0-7](?:;[0-9;]*)?m", raw)
    if colour is None:
        assert colours == []
    else:
        assert any(colour in one for one in colours)


@contextmanager
def on_raw_terminal(folder: Path, port: int, *options: str, environment: str = "") -> Iterator[pexpect.spawn[str]]:
    """The program on a terminal of which every byte is kept."""
    told = dict(one.split("=", 1) for one in shlex.split(environment))
    env = {**ENVIRONMENT, "TERM": "xterm-256color", "XDG_STATE_HOME": str(folder), **told}
    command = ["chat", f"{HOST}:{port}", "--as", "anna", *options]
    spawned = pexpect.spawn(
        LANDLINE, command, encoding="utf-8", codec_errors="surrogateescape", timeout=WAIT_SECONDS, env=env,
        dimensions=(50, 200),
    )  # fmt: skip
    spawned.logfile_read = (folder / "raw").open("w", encoding="utf-8", errors="surrogateescape")
    try:
        with spawned:
            yield spawned
    finally:
        spawned.logfile_read.close()


def everything(terminal: pexpect.spawn[str], code: int = 0) -> str:
    """Wait for the end. Returns all that the terminal has been sent."""
    terminal.expect(pexpect.EOF)
    terminal.wait()
    terminal.close()
    assert terminal.exitstatus == code, terminal.before
    kept = terminal.logfile_read
    assert isinstance(kept, io.TextIOWrapper)
    kept.flush()
    raw = Path(kept.name).read_text(encoding="utf-8", errors="surrogateescape")
    assert "Traceback" not in raw
    # The other screen, mouse reports and the hidden cursor are taken back.
    assert raw.rindex("\x1b[?1049l") > raw.rindex("\x1b[?1049h")
    assert raw.rindex("\x1b[?1000l") > raw.rindex("\x1b[?1000h")
    assert raw.rindex("\x1b[?25h") > raw.rindex("\x1b[?25l")
    return raw


@pytest.mark.parametrize("how", ["interrupt", "SIGTERM", "SIGINT", "SIGHUP"])
def test_whatever_ends_it_the_terminal_is_as_before(tmp_path: Path, how: str) -> None:
    port = unused_port()
    with chat(tmp_path / "data", port), on_raw_terminal(tmp_path, port) as terminal:
        terminal.expect_exact("quit")
        if how == "interrupt":
            terminal.send(CTRL_C)
            terminal.expect_exact("once more quits")
            terminal.send(CTRL_C)
        else:
            assert terminal.pid is not None
            os.kill(terminal.pid, signal.Signals[how])
        everything(terminal)


HARM = [chr(number) for number in (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029)]
HARM += [chr(number) for number in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)]
EPOCH = "0123456789abcdef"


class Harmful(socketserver.StreamRequestHandler):
    """A chat that says everything that a terminal might obey."""

    def handle(self) -> None:
        """Answer until the caller goes."""
        for line in self.rfile:
            request = decode_request(line)
            if isinstance(request, Hello):
                self._tell(
                    notices.Welcome(
                        ref=request.ref,
                        server="evil",
                        epoch=EPOCH,
                        id="anna",
                        nick="anna",
                        token="t",
                        motd="Q\7Q",
                    )
                )
            elif isinstance(request, Join):
                self._enter(request)
            else:
                self._tell(notices.Done(ref=request.ref))

    def _enter(self, request: Join) -> None:
        topic = f"Q{''.join(HARM)}Q"
        people = [notices.Person(f"p{number}", f"Q{harm}Q") for number, harm in enumerate(HARM[:20])]
        self._tell(notices.Joined(ref=request.ref, room="lobby", epoch=EPOCH, seq=0, topic=topic, members=people))
        for number, harm in enumerate(HARM):
            body = f"Q{harm}Q" if harm != HARM[-1] else "Q\x1b]0;pwn\x07Q\x1b[31mQ\x9b31mQ\x1b[2JQ"
            self._tell(
                notices.Message(
                    room="lobby", seq=number + 1, epoch=EPOCH, id=str(number), time=0.0, sender=str(number), body=body,
                    nick=f"Q{harm}Q",
                )
            )  # fmt: skip
        self._tell(notices.Announcement(text="all was said"))

    def _tell(self, notice: notices.Notice) -> None:
        self.wfile.write(notices.encode_notice(notice) + b"\n")


def test_a_chat_that_means_harm_does_none(tmp_path: Path) -> None:
    """Byte by byte: nothing that stood between two Q reaches the terminal as it was sent."""
    with socketserver.TCPServer((HOST, 0), Harmful) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with on_raw_terminal(tmp_path, server.server_address[1], "--dark") as terminal:
                terminal.expect_exact("all was said")
                terminal.send("\x1bOR")  # F3: to the members
                terminal.send("\x1b[5~" * 4)
                terminal.send("\x11")
                raw = everything(terminal)
        finally:
            server.shutdown()
            thread.join()
    assert "Q\\x1b]0;pwn\\x07Q\\x1b[31mQ\\x9b31mQ\\x1b[2JQ" in raw
    assert [hex(ord(harm)) for harm in HARM if f"Q{harm}Q" in raw] == []
    assert not re.search(r"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", raw)


def test_without_a_terminal_that_moves_its_cursor(tmp_path: Path) -> None:
    port = unused_port()
    with chat(tmp_path / "data", port):
        env = {**ENVIRONMENT, "TERM": "dumb", "XDG_STATE_HOME": str(tmp_path)}
        said = pexpect.run(f"{LANDLINE} chat {HOST}:{port} --as anna", env=env, timeout=WAIT_SECONDS, encoding="utf-8")
    assert "use --plain" in said and "Traceback" not in said


def test_nobody_is_there(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    env = {**ENVIRONMENT, "XDG_STATE_HOME": str(tmp_path)}
    said = pexpect.run(f"{LANDLINE} chat {HOST}:{port}", env=env, timeout=WAIT_SECONDS, encoding="utf-8")
    assert "nothing listens" in said and "\x1b[?1049h" not in said


def test_it_starts_quickly() -> None:
    """What is imported for plain lines has nothing of the screen in it."""
    program = "import landline.cli.chat, landline.chat.client, sys; print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.stdout == "False\n", done.stderr
