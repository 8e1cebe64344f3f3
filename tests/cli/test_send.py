"""`landline send`: what is sent where, what is refused, and how it ends."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from landline.address import TlsAddress, UnixAddress
from landline.cli.send import split
from landline.errors import ConnectError, PairingFailed, UsageError
from landline.transfer.events import Ended, FileFailed, Offered, Ready
from landline.transfer.options import SendOptions
from landline.transfer.receipt import Receipt
from tests.cli.conftest import Command
from tests.cli.transfers import ID, PIN, WORDS, Played, checked, played

__all__ = ["played"]

ADDRESS = f"tls://127.0.0.1:8120?pin={PIN}"
FAILED = FileFailed(transfer=ID, file=0, name="a", fault="exists")


def test_to_a_drop(command: Command, played: Played) -> None:
    ended = command("send", "a", "b c", ADDRESS)
    assert (ended.code, ended.out) == (0, b"1 file, 5 B, on disk at tls://127.0.0.1:8120 in 1.0 s (5 B/s)\n")
    assert ended.err == ""
    ((paths, address), named), *_ = played.calls
    assert (paths, str(address)) == ([b"a", b"b c"], ADDRESS)
    assert (named["text"], named["relay"], named["options"]) == (None, None, SendOptions())


def test_by_code(command: Command, played: Played) -> None:
    played.events = [
        Ready(code=WORDS),
        Offered(transfer=ID, peer="tls://192.168.1.7:4000", files=1),
        Ended(transfer=ID, landed=1, size=5, seconds=1.0),
    ]
    ended = command("send", "a", "--relay", "tcp://relay.example:8121")
    assert ended.out.decode().splitlines() == [
        f"code {WORDS}",
        "1 file, 5 B, on disk at tls://192.168.1.7:4000 in 1.0 s (5 B/s)",
    ]
    (_, address), named = played.calls[0]
    assert (address, named["relay"]) == (None, "tcp://relay.example:8121")


def test_the_relay_may_stand_in_the_environment(
    command: Command, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDLINE_RELAY", "tcp://relay.example:8121")
    command("send", "a")
    command("send", "a", ADDRESS)
    assert [named["relay"] for _, named in played.calls] == ["tcp://relay.example:8121", None]


def test_options_arrive(command: Command, played: Played, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("a-token-of-sixteen\n")
    command(
        *("send", "-", ADDRESS, "--name", "dump.sql", "--if-exists", "rename", "--limit", "10M", "--streams", "3"),
        *(
            "--wait-space",
            "5",
            "--trusted-link",
            "--trust-peer",
            "nas",
            "--symlinks",
            "skip",
            "--token-file",
            str(token),
        ),
    )
    ((paths, _), named), *_ = played.calls
    assert paths == [b"-"]
    assert named["token"] == "a-token-of-sixteen"
    assert named["options"] == SendOptions(
        if_exists="rename",
        limit_bytes_per_second=10 * 1024**2,
        streams=3,
        wait_space_seconds=5.0,
        trusted_link=True,
        trusted_peers=("nas",),
        symlinks="skip",
        stream_name=b"dump.sql",
    )


@pytest.mark.parametrize(("level", "seen"), [("durable", "on disk"), ("shown", "shown")])
def test_a_text(level: str, seen: str, command: Command, played: Played) -> None:
    played.events = [Ended(transfer=ID, level=level)]
    ended = command("send", "--text", "hi", ADDRESS)
    assert ended.out.decode() == f"the text is {seen} at tls://127.0.0.1:8120\n"
    assert played.calls[0][1]["text"] == "hi"


def test_json_and_nothing_else(command: Command, played: Played) -> None:
    played.events = [Ready(code=WORDS), FAILED, Ended(transfer=ID, landed=1, failed=1, size=5)]
    ended = command("send", "a", "--json")
    assert [json.loads(line)["event"] for line in ended.out.splitlines()] == ["ready", "filefailed", "ended"]
    assert (ended.code, ended.err) == (9, "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "there is nothing to send; give a PATH, - for the standard input, or --text"),
        (
            ("a", "tcp://host:1"),
            "files always travel over TLS, and tcp://host:1 has none; write tls://host:1 "
            "(a path with :// in it is written ./tcp://host:1)",
        ),
        (
            ("a", "udp://host:1"),
            "files always travel over TLS, and udp://host:1 has none; write tls://HOST:PORT "
            "(a path with :// in it is written ./udp://host:1)",
        ),
        (("a", "host:8120"), "'host:8120' is not there; if it is the address of a drop, write tls://host:8120?pin=…"),
        (
            ("a", "--receipt", "/nowhere/r"),
            "the receipt '/nowhere/r' cannot be written: '/nowhere' is no folder we may write in",
        ),
        (
            ("a", "--limit", "300"),
            "Invalid value for '--limit': '300' is less than 1K, 1024 bytes a second; give more, or leave it out "
            "(see `landline send --help`)",
        ),
        (("a", "--text", "x"), "--text goes alone; leave 'a' out, or send it by itself"),
        (("--text", ""), "the text of --text is empty; write something"),
        (("-", "a"), "- (the standard input) goes alone; send the other paths by themselves"),
        (("a", "--name", "x"), "--name is for the standard input; give - as PATH, or leave it out"),
        (("a", "--ca", "x"), "--ca and --token-file are for a drop; give its address as the last argument"),
        (("a", ADDRESS, "--relay", "x"), "--relay is for codes; leave it out, or leave the address out"),
        (
            ("a", "--receipt", "/dev/null"),
            "the receipt '/dev/null' is there already and is not overwritten; name another file",
        ),
        (("a", "--verify", "x"), "--verify sends nothing; leave the paths and --text out"),
        (("--verify", "/nowhere"), "the receipt '/nowhere' cannot be read: no such file or directory"),
    ],
)
def test_what_does_not_go_together(arguments: tuple[str, ...], sentence: str, command: Command, played: Played) -> None:
    ended = command("send", *arguments)
    assert (ended.code, ended.sentence, played.calls) == (2, sentence, [])


def test_sizes_are_read_by_one_reader(command: Command, played: Played) -> None:
    ended = command("send", "a", "--limit", "fast")
    assert ended.sentence == (
        "Invalid value for '--limit': 'fast' is not a size from 1 to 1024P; write it like 500M, 10G or 1.5GiB "
        "(powers of 1024) (see `landline send --help`)"
    )


def test_which_argument_is_an_address() -> None:
    assert split(("a", "b")) == (["a", "b"], None)
    assert split(("./a://b", "x")) == (["./a://b", "x"], None)
    assert split(("a", "tls://h:1")) == (["a"], TlsAddress("h", 1))
    assert split(()) == ([], None)
    assert split(("a", "./x://y")) == (["a", "./x://y"], None)
    assert split(("a", "unix:///x")) == (["a"], UnixAddress("/x"))
    assert split(("a", "no:address")) == (["a", "no:address"], None)
    with pytest.raises(UsageError):
        split(("x://y",))


@pytest.mark.parametrize(
    ("events", "raises", "code"),
    [
        ([FAILED, Ended(transfer=ID, failed=1)], None, 5),
        ([FAILED, Ended(transfer=ID, landed=1, failed=1)], None, 9),
        ([Ended(transfer=ID, fault="space")], None, 7),
        ([Ended(transfer=ID, landed=1, skipped=1)], None, 0),
        ([], PairingFailed(), 5),
        ([], ConnectError(ADDRESS, "nothing listens there"), 3),
    ],
)
def test_exit_codes(events: list[Ended], raises: Exception | None, code: int, command: Command, played: Played) -> None:
    played.events, played.raises = events, raises
    assert command("send", "a", ADDRESS).code == code


@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        (("a", ADDRESS), "run the same command again; it goes on where it was"),
        (("a",), "run the same command again on both sides, with the new code; it goes on where it was"),
    ],
)
def test_an_interruption_says_how_to_go_on(
    arguments: tuple[str, ...], how: str, command: Command, played: Played
) -> None:
    played.events, played.raises = [], KeyboardInterrupt()
    ended = command("send", *arguments)
    assert (ended.code, ended.sentence) == (130, f"interrupted; {how}")


def test_a_receipt_is_for_its_owner_and_overwrites_nothing(command: Command, played: Played, tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    before = os.umask(0)
    try:
        assert command("send", "a", ADDRESS, "--receipt", str(path)).code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Receipt.from_json(path.read_bytes()).transfer == ID
    assert command("send", "a", ADDRESS, "--receipt", str(path)).code == 2


def test_a_receipt_that_cannot_be_written_after_all_is_told(
    command: Command, played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: True)
    ended = command("send", "a", ADDRESS, "--receipt", str(tmp_path / "no" / "folder"))
    assert ended.code == 1
    assert "cannot be written: no such file or directory" in ended.err


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_output_that_is_full_changes_no_exit_code(
    options: tuple[str, ...], command: Command, played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    played.events = [FAILED, Ended(transfer=ID, landed=1, failed=1)]
    monkeypatch.setattr(sys, "stdout", Full())
    ended = command("send", "a", ADDRESS, *options)
    assert (ended.code, sys.stdout) == (9, None)
    assert ("no more events can be written" in ended.err) == bool(options)


def test_receipts_are_checked(command: Command, played: Played, tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(Receipt(transfer=ID, address="tls://host:1").to_json())
    played.checked = [checked("a"), checked("b")]
    ended = command("send", "--verify", str(path))
    assert (ended.code, ended.out) == (0, b"2 of 2 files are as they landed at tls://host:1\n")
    played.checked = [checked("a"), *[checked(f"\x1b{n}", "changed", "its content is another") for n in range(21)]]
    ended = command("send", "--verify", str(path), ADDRESS)
    assert (ended.code, ended.out) == (6, b"1 of 22 files are as they landed at tls://127.0.0.1:8120\n")
    assert ended.err.splitlines()[0] == "\\x1b0: its content is another"
    assert ended.err.splitlines()[-1] == "\u2026 and 1 more"
    played.checked = [checked("a", "changed", "its content is another", path="a (2)")]
    ended = command("send", "--verify", str(path))
    assert (ended.out, ended.err) == (
        b"0 of 1 file is as it landed at tls://host:1\n",
        "a (landed as a (2)): its content is another\n",
    )
    ended = command("send", "--verify", str(path), "--json")
    assert (ended.code, ended.err) == (6, "")
    row = {"event": "checked", "transfer": "", "file": 0, "name": "a", "path": "a (2)"}
    assert [json.loads(line) for line in ended.out.splitlines()] == [
        {**row, "fault": "changed", "detail": "its content is another"}
    ]
