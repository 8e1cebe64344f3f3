"""`landline chat serve`: where it listens, what it was told, and what it says when it cannot begin."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from landline.address import parse
from landline.chat.history import History
from landline.chat.server import chat_service
from landline.cli.chat_serve import ChatServing, listens, print_lines, read_token, tell_person, ways_in
from landline.cli.exits import Exit
from landline.errors import AddressError, UsageError
from landline.server.engine import Listening
from landline.server.service import Service
from landline.transport.tls import ServerTls
from tests.certs import Files
from tests.cli.conftest import Command


def listening(service: Service, address: str) -> Listening:
    return Listening(service, parse(address))


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:8110", "tcp://0.0.0.0:1", "unix:///run/chat.sock"])
def test_where_a_chat_may_listen(text: str) -> None:
    assert listens(text) == parse(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("udp://127.0.0.1:1", "a chat listens on TCP or a Unix socket, and not on udp://127.0.0.1:1"),
        ("tls://h.example:1", "write h.example:1, with --certificate and --key"),
    ],
)
def test_where_it_may_not(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        listens(text)


def test_no_address_at_all() -> None:
    with pytest.raises(AddressError):
        listens("127.0.0.1:port")


def test_a_token_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("  0123456789abcdef\n")
    assert read_token(str(path)) == "0123456789abcdef"
    for content, sentence in ((b"short", "has 5 characters; give it 16 or more"), (b"\xff" * 20, "cannot be read")):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=sentence):
            read_token(str(path))
    with pytest.raises(UsageError, match="No such file"):
        read_token(str(tmp_path / "none"))


def test_what_it_prints_for_programs_and_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clear = chat_service(tmp_path)
    both = [listening(clear, "tcp://0.0.0.0:8110"), listening(clear, "unix:///run/chat")]
    print_lines(both)
    assert capsys.readouterr().out == "chat tcp://0.0.0.0:8110\nchat unix:///run/chat\n"
    tell_person(both)
    told = capsys.readouterr().out
    for part in ("http://127.0.0.1:8110/", "nc 127.0.0.1 8110", "chat unix:///run/chat --as NAME", "Ctrl-C stops"):
        assert part in told
    safe = chat_service(tmp_path, tls=ServerTls(*map(Path, Files(tmp_path).server())))
    ways = dict(ways_in(listening(safe, "tcp://[::1]:8110")))
    assert ways["browser, TLS"] == "https://[::1]:8110/"
    assert "chat tls://[::1]:8110 --pin " in ways["terminal, TLS"]
    assert ways["anything, TLS"] == "ncat --ssl ::1 8110" and ways["anything"] == "nc ::1 8110"
    only = chat_service(tmp_path, tls=safe.tls, tls_required=True)
    assert [way for way, _ in ways_in(listening(only, "tcp://[::1]:8110"))] == [way for way in ways if "TLS" in way]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--limit", "rooms=0"), "rooms"),
        (("--limit", "chairs=4"), "chairs"),
        (("--limit", "rooms=many"), "many"),
        (("--operator", "a b"), "a b"),
        (("--metrics-token-file", "/nowhere/token"), "/nowhere/token"),
        (("--cluster", "http://h"), "http://h"),
        (("udp://127.0.0.1:0",), "udp://127.0.0.1:0"),
    ],
    ids=["zero", "unknown", "no number", "operator", "token", "cluster", "udp"],
)
def test_a_mistake_is_told_with_its_value_before_anything_is_made(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = command("chat", "serve", "--data", str(tmp_path / "data"), *arguments)
    assert ended.code == Exit.USAGE
    assert sentence in ended.err
    assert ended.out == b""
    assert not (tmp_path / "data").exists()


def test_a_client_ca_keeps_nobody_out_in_the_clear(command: Command, tmp_path: Path) -> None:
    files = Files(tmp_path)
    certificate, key = files.server()
    ended = command("chat", "serve", "--certificate", certificate, "--key", key, "--client-ca", files.ca())
    assert (ended.code, ended.sentence) == (
        Exit.USAGE,
        "--client-ca keeps nobody out while callers may come in the clear; add --tls",
    )
    assert ChatServing().addresses == ()


def refused(command: Command, folder: Path) -> str:
    ended = command("chat", "serve", "127.0.0.1:0", "--data", str(folder))
    assert (ended.code, ended.out) == (Exit.FAULT, b"")
    return ended.sentence


def test_a_folder_in_use(command: Command, tmp_path: Path) -> None:
    with closing(History.open(tmp_path / "data")):
        sentence = refused(command, tmp_path / "data")
    assert sentence == f"{tmp_path / 'data'} is used by another chat; end that one, or give another folder with --data"


def test_a_folder_that_is_none(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        sentence = refused(command, folder)
        assert sentence.startswith(f"the chat cannot keep its data in {folder}: ")
        assert sentence.endswith("; give another folder with --data")


def test_a_database_that_is_none_or_of_a_newer_version(command: Command, tmp_path: Path) -> None:
    (tmp_path / "chat.db").write_bytes(b"SQLite format 4?" * 300)
    assert "chat.db cannot be used as the database of a chat: file is not a database" in refused(command, tmp_path)
    (tmp_path / "chat.db").unlink()
    with closing(sqlite3.connect(tmp_path / "chat.db")) as connection:
        connection.executescript("PRAGMA application_id = 1280066376; PRAGMA user_version = 999; CREATE TABLE a (b);")
    assert "is of version 999, made by a newer Landline, and this one knows version " in refused(command, tmp_path)


def test_a_cluster_that_is_away(command: Command, tmp_path: Path) -> None:
    ended = command("chat", "serve", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--cluster", "nats://127.0.0.1:9")
    assert ended.code == Exit.FAULT
    assert "nats://127.0.0.1:9" in ended.sentence
