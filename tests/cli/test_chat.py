"""`landline chat ADDRESS` in plain lines, against a chat in this process."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.chat.server import chat_service
from landline.cli.exits import Exit
from landline.transport.tls import ServerTls
from tests.certs import Files
from tests.cli.conftest import Command, serving


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with serving(chat_service(tmp_path / "data")) as (address,):
        yield str(address)


def lines(out: bytes) -> list[str]:
    return out.decode().splitlines()


def test_piped_lines_are_said_and_stored(command: Command, chat: str) -> None:
    ended = command("chat", chat, "--as", "anna", piped=b"hello\n/nope\ncaf\xe9 \x1b[2J\tend")
    assert (ended.code, ended.sentence) == (Exit.REFUSED, "1 thing was refused; the output says why")
    assert lines(ended.out) == [
        "* connected to Landline; you are anna",
        "* you are in lobby, 1 here, 0 messages so far",
        "! there is no command /nope; did you mean /op? /help lists the commands",
    ]
    ended = command("chat", "join", chat, "--plain", "--as", "bob", "--room", "den", piped=b"/history lobby\n")
    assert lines(ended.out)[1:2] == ["* you are in den, 1 here, 0 messages so far"]
    assert [line.partition("] ")[2] for line in lines(ended.out)[2:]] == ["anna: hello", "anna: caf\ufffd [2J\tend"]


def test_who_one_is_is_kept_between_runs(command: Command, chat: str, tmp_path: Path) -> None:
    first, second = (command("chat", chat, "--as", "anna", piped=b"/register a good one\n/who *\n") for _ in range(2))
    assert lines(first.out)[2] == "* you are anna now, and the name is yours"
    assert lines(second.out)[2] == "! you are logged in as anna already"
    (kept,) = (tmp_path / "state" / "landline" / "chat").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_text('{"token": "nonsense"}')
    ended = command("chat", chat, "--as", "anna")
    assert ended.code == Exit.REFUSED and "! what was kept of who you are is worth nothing any" in ended.out.decode()


def test_a_bot_comes_in_with_its_token(command: Command, chat: str, tmp_path: Path) -> None:
    ended = command("chat", chat, "--as", "anna", piped=b"/register a good one\n/bot dice\n")
    token = next(line for line in lines(ended.out) if line.startswith("* dice has the token ")).rpartition(" ")[2]
    file = tmp_path / "token"
    file.write_text(token + "\n")
    ended = command("chat", chat, "--token-file", str(file), "--times", piped=b"six\n")
    assert (ended.code, lines(ended.out)[0]) == (Exit.DONE, "* connected to Landline; you are dice")
    file.write_text("nonsense\n")
    ended = command("chat", chat, "--token-file", str(file))
    assert ended.code == Exit.REFUSED
    assert ended.sentence == "this token is worth nothing any more; say hello without it"


def test_what_is_refused_is_told_and_counted(command: Command, chat: str) -> None:
    ended = command("chat", chat, piped=b"/msg nobody hi\n")
    assert (ended.code, ended.sentence) == (Exit.REFUSED, "1 thing was refused; the output says why")


def test_who_calls_a_chat_of_tls_only_in_the_clear_is_told_how(command: Command, tmp_path: Path) -> None:
    safe = ServerTls(*map(Path, Files(tmp_path).server()))
    with serving(chat_service(tmp_path / "data", tls=safe, tls_required=True)) as (address,):
        ended = command("chat", str(address), piped=b"")
        assert ended.code == Exit.LOST
        assert f"before any greeting; if it speaks TLS only, call tls://{str(address)[6:]}" in ended.sentence


def test_a_nick_that_is_not_to_be_had_is_an_error(command: Command, chat: str) -> None:
    command("chat", chat, "--as", "anna", piped=b"/register a good one\n")
    Path(next((Path(os.environ["XDG_STATE_HOME"]) / "landline" / "chat").iterdir())).unlink()
    ended = command("chat", chat, "--as", "anna", piped=b"")
    assert (ended.code, ended.sentence) == (Exit.REFUSED, "1 thing was refused; the output says why")
    assert "! anna belongs to somebody; log in, or take another nick" in lines(ended.out)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["x:1", "--as", "a b"], Exit.USAGE, "--as: 'a b' cannot be a name: ' ' cannot stand in a name"),
        (["x:1", "--room", "b!d"], Exit.USAGE, "--room: 'b!d' cannot be a name: '!' cannot stand in a name"),
        (["127.0.0.1:1"], Exit.CANNOT_CONNECT, "cannot connect to tcp://127.0.0.1:1: nothing listens there"),
        (["udp://x:1"], Exit.USAGE, "a chat cannot be called at udp://x:1; write for example tcp://chat.example.org"),
        (["x:y"], Exit.USAGE, "the port of 'x:y'"),
        (["x:1", "--password"], Exit.USAGE, "--password is that of a nick; give it with --as NAME"),
        (["x:1", "--password", "--as", "a"], Exit.USAGE, "--password asks for it on a terminal, and here is none"),
        (
            ["x:1", "--password", "--as", "a", "--token-file", "f"],
            Exit.USAGE,
            "--token-file and --password are two ways",
        ),
        (["x:1", "--token-file", "/nonexistent"], Exit.USAGE, "cannot read the token file /nonexistent: no such file"),
        (["x:1", "--nope"], Exit.USAGE, "No such option '--nope' (see `landline chat join --help`)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_sentences(command: Command, arguments: list[str], code: Exit, sentence: str) -> None:
    ended = command("chat", *arguments)
    assert (ended.code, ended.sentence[: len(sentence)]) == (code, sentence)


@pytest.mark.parametrize(
    "arguments", [["chat", "--help"], ["chat", "x:1", "--help"], ["chat", "join", "-h"]], ids=" ".join
)
def test_help_says_how_to_come_in(command: Command, arguments: list[str]) -> None:
    assert b"landline chat" in command(*arguments).out
