"""Names and files of every kind through the real commands: they land as they are, and are shown without harm."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transfer.crashrig import Rig, content, rig

NAMES = (
    b"latin\xe9", b"\xff\xfe", b"x" * 255, "zero\u200bwidth".encode(), b"line\nbreak", b"up\x1b[1A\x1b[2Kgone\r",
    b"c1\x9b31m", "c1\u009b31m".encode(), "right\u202eleft".encode(), b"Case", b"cASE", b" spaces ", b"-rf",
    b"$(echo)", b'"quoted\\"', b"tab\t",
)  # fmt: skip
HARMFUL = (
    b"\x1b[1A", b"\x1b[2K", b"\x9b31m", "\u009b".encode(), "\u202e".encode(), b"gone\r", "\u200b".encode()
)  # fmt: skip


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as one:
        one.things.mkdir()
        one.there.mkdir()
        yield one


def fill(things: Path) -> None:
    top = os.fsencode(things)
    for number, name in enumerate(NAMES):
        with open(os.path.join(top, name), "wb") as file:
            file.write(b"%d" % number)
    os.makedirs(os.path.join(top, b"folder\x1b[1A\xff", b"empty"))
    (things / "nothing").touch()
    with open(things / "sparse", "wb") as file:
        file.truncate(3 * 1024 * 1024)


def test_every_name_lands_as_it_is(running: Rig) -> None:
    fill(running.things)
    drop, address = running.drop()
    sender = running.send(address).ends(0)
    assert content(running.there / "things") == content(running.things)
    for side in (drop, sender):
        for harm in HARMFUL:
            assert harm not in side.raw, harm


@pytest.mark.parametrize(
    "on_terminal", [True, pytest.param(False, marks=pytest.mark.torture)], ids=["terminal", "plain"]
)
def test_names_that_fail_are_shown_without_harm(running: Rig, on_terminal: bool) -> None:
    """Every one is refused, as it is there already, so that every one is shown; by both sides."""
    fill(running.things)
    _, address = running.drop()
    running.send(address).ends(0)
    command = [sys.executable, "-m", "landline", "send", str(running.things), address]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "XDG_STATE_HOME": str(running.home / "other")}
    seen = on_a_terminal(command, environment) if on_terminal else through_a_pipe(command, environment)
    assert b"latin" in seen
    for harm in HARMFUL if not on_terminal else HARMFUL[2:]:
        assert harm not in seen, (harm, seen)
    assert b"\x1b[1A\x1b[2Kgone" not in seen


def through_a_pipe(command: list[str], environment: dict[str, str]) -> bytes:
    """All that a command writes."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=50, env=environment)
    assert done.returncode == 5, done.stderr
    return done.stdout + done.stderr


def on_a_terminal(command: list[str], environment: dict[str, str]) -> bytes:
    """All that a command writes on a terminal of its own."""
    ours, theirs = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                seen.append(data)
        except OSError:
            pass  # the last one to have the terminal is gone

    reader = threading.Thread(target=read)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        reader.start()
        assert process.wait(50) == 5
    reader.join(20)
    os.close(ours)
    return b"".join(seen)


def test_a_file_that_grows_all_the_time(running: Rig) -> None:
    growing = running.things / "growing"
    growing.write_bytes(bytes(6 * 1024 * 1024))
    (running.things / "still").write_bytes(b"still")
    over = threading.Event()

    def grow() -> None:
        while not over.wait(0.01):
            with open(growing, "ab") as file:
                file.write(b"more")

    writer = threading.Thread(target=grow)
    _, address = running.drop()
    writer.start()
    try:
        sender = running.send(address, "--limit", "20M").ends(9)
    finally:
        over.set()
        writer.join()
    assert [(one["name"], one["fault"]) for one in sender.of("filefailed")] == [("things/growing", "changed")]
    assert content(running.there / "things") == {b"still": b"still"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_files_that_nobody_may_read(running: Rig) -> None:
    """By a sender that is not root, for whom permissions count."""
    (running.things / "open").write_bytes(b"open")
    (running.things / "closed").write_bytes(b"closed")
    (running.things / "closed").chmod(0)
    (running.things / "inner").mkdir(mode=0)
    for folder in (running.home, *running.home.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    running.things.chmod(0o755)
    (running.home / "XDG_STATE_HOME").mkdir(mode=0o777, exist_ok=True)
    _, address = running.drop()
    (running.home / "XDG_STATE_HOME").chmod(0o777)
    sender = running.start("send", str(running.things), address, before=["setpriv", "--reuid=65534", "--clear-groups"])
    sender.ends(9)
    failed = {one["name"]: one["fault"] for one in sender.of("filefailed")}
    assert failed == {"things/closed": "unreadable", "things/inner": "unreadable"}
    assert content(running.there / "things")[b"open"] == b"open"


def test_a_destination_that_cannot_be_written(running: Rig) -> None:
    subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True)
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    before = ["unshare", "-m", "sh", "-c", script, str(running.there)]
    if subprocess.run([*before, "true"], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    drop = running.start("receive", str(running.there), "--listen", "tls://127.0.0.1:0", before=before)
    drop.finish()
    assert drop.process.returncode in (1, 2, 5), drop.errors
    assert b"read-only" in drop.errors
    assert drop.errors.count(b"\n") == 1


def test_the_code_is_in_no_command_line(running: Rig) -> None:
    """By the ways that are recommended, others on the machine never see it."""
    (running.things / "file").write_bytes(b"by code")
    sender = running.start("send", str(running.things))
    assert sender.until(lambda one: bool(one.of("ready")))
    code = str(sender.of("ready")[0]["code"])
    command = [sys.executable, "-m", "landline", "receive", str(running.there), "--code", "--yes", "--json"]
    environment = {**os.environ, "XDG_STATE_HOME": str(running.home / "XDG_STATE_HOME")}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as receiver:
        lines = [Path(f"/proc/{one}/cmdline").read_bytes() for one in (receiver.pid, sender.process.pid)]
        out, errors = receiver.communicate(code.encode() + b"\n", timeout=50)
        assert receiver.returncode == 0, (out, errors)
    sender.ends(0)
    # All words together: one alone may well be part of a path.
    assert not any(code.partition("-")[2].encode() in line for line in lines)
    assert content(running.there / "things") == {b"file": b"by code"}
