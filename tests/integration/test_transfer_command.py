"""`landline send` and `landline receive` as people and scripts use them: programs, pipes and terminals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS
from tests.integration.terminal import CTRL_C, ENVIRONMENT, Terminal, on_terminal

ADDRESS = re.compile(r"receive (tls://127\.0\.0\.1:\d+\?pin=sha256:[0-9a-f]{64})\n")
ANYWHERE = "tls://127.0.0.1:0"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the programs keep is kept below the folder of the test."""
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
        monkeypatch.setitem(ENVIRONMENT, name, str(tmp_path / name))
    for name in ("LANDLINE_CODE", "LANDLINE_RELAY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def started(*arguments: str, piped: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """`landline` with these arguments, with pipes; it is killed if it does not end by itself."""
    pipe = subprocess.PIPE
    with subprocess.Popen([LANDLINE, *arguments], stdin=piped, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def drop(folder: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A drop on `folder`; gives its address."""
    with started("receive", str(folder), "--listen", ANYWHERE, *options) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = ADDRESS.fullmatch(line)
        assert found, line + (process.communicate()[1] if process.poll() is not None else "")
        yield found[1], process


def landline(*arguments: str, piped: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `landline` to its end, which must be this one."""
    command = [LANDLINE, *arguments]
    done = subprocess.run(command, input=piped, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def ended(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    """Wait for the end, which must be this one; what it wrote meanwhile."""
    out, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == code, out + errors
    assert "Traceback" not in errors, errors
    return out, errors


@pytest.fixture
def things(tmp_path: Path) -> Path:
    """A file of two chunks, and a folder with files and folders in it."""
    folder = tmp_path / "things"
    (folder / "photos" / "summer").mkdir(parents=True)
    (folder / "photos" / "empty").mkdir()
    (folder / "big.bin").write_bytes(os.urandom(1000) * 5000)
    for number in range(12):
        (folder / "photos" / "summer" / f"{number}.jpg").write_bytes(os.urandom(number * 100))
    return folder


def content(folder: Path) -> dict[str, bytes | None]:
    """What lies in a folder, by its path; None for folders."""
    found = sorted(folder.rglob("*"))
    return {str(one.relative_to(folder)): one.read_bytes() if one.is_file() else None for one in found}


def test_to_a_drop_twice_and_after_a_restart(things: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    paths = [str(things / "big.bin"), str(things / "photos")]
    with drop(inbox) as (address, process):
        sent = landline("send", *paths, address)
        bare = address.partition("?")[0]
        assert re.fullmatch(rf"13 files, 4\.8 MiB, on disk at {re.escape(bare)}( in .* \(.*/s\))?\n", sent.stdout)
        assert content(inbox) == content(things)
        again = landline("send", *paths, address, code=5)
        assert "of that name is there already" in again.stderr
        (things / "new").write_text("new")
        some = landline("send", str(things / "new"), str(things / "big.bin"), address, code=9)
        assert "1 file failed" in some.stdout
        process.send_signal(signal.SIGTERM)
        out, errors = ended(process)
        assert out == ""
        assert errors.splitlines()[-1].startswith("closed: 3 transfers, 14 files, 4.8 MiB")
    with drop(inbox) as (same, _):
        assert same.partition("?")[2] == address.partition("?")[2]


def test_json_of_both_sides_is_json_and_nothing_else(things: Path, tmp_path: Path) -> None:
    with started("receive", str(tmp_path / "inbox"), "--listen", ANYWHERE, "--once", "--json") as receiver:
        assert receiver.stdout is not None
        ready = json.loads(receiver.stdout.readline())
        assert ready["event"] == "ready"
        sent = landline("send", str(things / "big.bin"), ready["address"], "--json")
        rows = [json.loads(line) for line in sent.stdout.splitlines()]
        assert sent.stderr == ""
        out, errors = ended(receiver)
    assert errors == ""
    for told in (rows, [json.loads(line) for line in out.splitlines()]):
        (landed,) = (row for row in told if row["event"] == "filelanded")
        assert (landed["path"], landed["size"]) == ("big.bin", 5_000_000)
        assert told[-1]["event"] == "ended"
        assert (told[-1]["landed"], told[-1]["size"]) == (1, 5_000_000)


@pytest.mark.torture
def test_a_receipt_is_checked_later(things: Path, tmp_path: Path) -> None:
    receipt = str(tmp_path / "receipt.json")
    inbox = tmp_path / "inbox"
    with drop(inbox) as (address, _):
        landline("send", str(things / "photos"), address, "--receipt", receipt)
        good = landline("send", "--verify", receipt)
        assert good.stdout.startswith("12 of 12 files as they landed at tls://127.0.0.1:")
        (inbox / "photos" / "summer" / "3.jpg").write_bytes(b"another")
        wrong = landline("send", "--verify", receipt, code=6)
        assert wrong.stdout.startswith("11 of 12 files")
        assert "3.jpg: " in wrong.stderr


def test_input_and_output_are_pipes(tmp_path: Path) -> None:
    text = "".join(f"{number}\n" for number in range(200_000))
    (tmp_path / "numbers").write_text(text)
    with started("receive", "-", "--listen", ANYWHERE) as receiver, (tmp_path / "numbers").open() as numbers:
        assert receiver.stderr is not None
        address = receiver.stderr.readline().removeprefix("receive ").strip()
        with started("send", "-", address, "--name", "numbers", piped=numbers.fileno()) as sender:
            assert ended(receiver)[0] == text
            assert "1 file, 1.2 MiB, written at " in ended(sender)[0]


@pytest.mark.torture
def test_a_token_is_asked_for(things: Path, tmp_path: Path) -> None:
    tokens, mine = tmp_path / "tokens", tmp_path / "mine"
    for path, line in ((tokens, "ann 0123456789abcdef from-ann\n"), (mine, "0123456789abcdef\n")):
        path.touch(0o600)
        path.write_text(line)
    inbox = tmp_path / "inbox"
    with drop(inbox, "--tokens", str(tokens)) as (address, _):
        refused = landline("send", str(things / "big.bin"), address, code=5)
        assert "--token-file" in refused.stderr
        landline("send", str(things / "big.bin"), address, "--token-file", str(mine))
    assert (inbox / "from-ann" / "big.bin").is_file()


def test_nothing_listens_there(things: Path) -> None:
    gone = landline("send", str(things), f"tls://127.0.0.1:1?pin=sha256:{'0' * 64}", code=3)
    assert gone.stderr.startswith("landline: cannot connect to tls://127.0.0.1:1")
    assert gone.stderr.count("\n") == 1


def test_by_code_in_pipes_and_no_process_shows_the_code(things: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with started("send", str(things / "photos")) as sender:
        assert sender.stdout is not None
        code = sender.stdout.readline().removeprefix("code ").strip()
        with started("receive", str(inbox), "--code", "--yes") as receiver:
            for process in (sender, receiver):
                assert code.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
            out, errors = receiver.communicate(f"{code}\n", WAIT_SECONDS)
            assert receiver.returncode == 0, errors
        assert out.startswith(f"12 files, 6.4 KiB, on disk at {inbox}")
        assert "12 files, 6.4 KiB, on disk at " in ended(sender)[0]
    assert content(inbox / "photos") == content(things / "photos")


@pytest.mark.torture
def test_a_wrong_code_is_told_to_both(things: Path, tmp_path: Path) -> None:
    with started("send", str(things / "photos")) as sender:
        assert sender.stdout is not None
        code = sender.stdout.readline().removeprefix("code ").strip()
        number, first, *_ = code.split("-")
        wrong = f"{number}-{first}-{'-'.join(['zoo', 'zone'])}"
        failed = landline("receive", str(tmp_path / "inbox"), "--code", "--yes", piped=wrong, code=5)
        assert "ask for a new code" in failed.stderr
        assert "new code" in ended(sender, 5)[1]


def test_a_person_receives_by_code(things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    monkeypatch.chdir(inbox)
    with on_terminal(LANDLINE, "send", str(things / "photos")) as ann, on_terminal(LANDLINE, "receive") as bob:
        ann.expect("On the other machine type `landline receive`, and this code when it asks for it:")
        code = ann.expect_match(r"    (\d+-[a-z]+-[a-z]+-[a-z]+)\r\n")
        bob.expect("Code (or Enter to open a drop here): ")
        bob.type(f"{code.split('-')[0]} not a code")
        bob.expect("; try again")
        bob.expect(": ")
        bob.type(code.upper().replace("-", " "))
        bob.expect(" offers ")
        bob.expect("photos/summer/0.jpg")
        bob.expect("Accept? [y/N]: ")
        bob.type("y")
        bob.expect("12 files, 6.4 KiB, on disk at ")
        bob.ends(0)
        ann.expect("12 files, 6.4 KiB, on disk at ")
        ann.ends(0)
    assert content(inbox / "photos") == content(things / "photos")


@pytest.mark.torture
def test_a_person_says_no(things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    monkeypatch.chdir(inbox)
    with on_terminal(LANDLINE, "send", str(things / "photos")) as ann, on_terminal(LANDLINE, "receive") as bob:
        code = ann.expect_match(r"    (\d+-[a-z]+-[a-z]+-[a-z]+)\r\n")
        bob.expect(": ")
        bob.type(code)
        bob.expect("Accept? [y/N]: ")
        bob.type("")
        bob.expect("landline: you did not accept it; nothing was written")
        bob.ends(5)
        ann.ends(5)
    assert content(inbox) == {}


@pytest.mark.torture
def test_a_text_by_code(tmp_path: Path) -> None:
    with started("send", "--text", "the door code is\n4711\x1b[2J") as sender:
        assert sender.stdout is not None
        code = sender.stdout.readline().removeprefix("code ").strip()
        shown = landline("receive", str(tmp_path / "inbox"), "--code", "--yes", piped=code)
        assert shown.stdout == "the door code is\n4711\\x1b[2J\n"
        assert ended(sender)[0].startswith("the text is shown at ")


def opened(terminal: Terminal) -> str:
    """The address that a drop shows to a person."""
    return terminal.expect_match(r"  address  (tls://\S+)\r\n")


def test_a_drop_on_a_terminal(things: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with on_terminal(LANDLINE, "receive", str(inbox), "--listen", ANYWHERE) as receiver:
        receiver.expect("▀▀▀▀▀▀▀")
        receiver.expect(f"What is sent to this drop lands in {inbox}")
        address = opened(receiver)
        receiver.expect(f"send PATH… '{address}'")
        receiver.expect("Ctrl-C closes it.")
        with on_terminal(LANDLINE, "send", str(things / "big.bin"), address, "--explain") as sender:
            sender.expect("1 file, 4.8 MiB, on disk at tls://127.0.0.1:")
            sender.ends(0)
        receiver.expect(f"1 file, 4.8 MiB, on disk at {inbox}")
        receiver.press(CTRL_C)
        receiver.expect("closed: 1 transfer, 1 file, 4.8 MiB")
        receiver.ends(0)


def test_ctrl_c_says_how_to_go_on_and_it_does(things: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    big = things / "big.bin"
    with drop(inbox) as (address, _):
        with on_terminal(LANDLINE, "send", str(big), address, "--limit", "1M") as sender:
            sender.expect("sending")
            sender.press(CTRL_C)
            sender.expect("landline: interrupted; run the same command again; it goes on where it was")
            sender.ends(130)
        assert not (inbox / "big.bin").exists()
        assert "1 file, 4.8 MiB, on disk" in landline("send", str(big), address).stdout
    assert (inbox / "big.bin").read_bytes() == big.read_bytes()


@pytest.mark.torture
def test_ctrl_c_while_nobody_comes(things: Path) -> None:
    with on_terminal(LANDLINE, "send", str(things)) as sender:
        sender.expect("Ctrl-C stops.")
        sender.press(CTRL_C)
        sender.expect("landline: interrupted; run the same command again on both sides")
        sender.ends(130)


@pytest.mark.torture
def test_by_way_of_a_relay(things: Path, tmp_path: Path) -> None:
    with started("relay", f"unix://{tmp_path}/relay") as relay:
        assert relay.stdout is not None
        address = relay.stdout.readline().removeprefix("relay ").strip()
        with started("send", str(things / "big.bin"), "--relay", address) as sender:
            assert sender.stdout is not None
            code = sender.stdout.readline().removeprefix("code ").strip()
            landline("receive", str(tmp_path / "inbox"), "--code", "--yes", "--relay", address, piped=code)
            ended(sender)
    assert (tmp_path / "inbox" / "big.bin").read_bytes() == (things / "big.bin").read_bytes()
