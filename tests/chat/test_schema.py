"""Databases of every version, and files that are none."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from landline.chat.entries import AccountRecord, Head, RoomRecord, SanctionRecord
from landline.chat.history import DATABASE, History
from landline.chat.ports import AuditOf, Range, SearchFor
from landline.chat.schema import APPLICATION_ID, MIGRATIONS, VERSION, make_private, migrate, open_reader, open_writer
from landline.errors import ChatError
from tests.chat.storecontract import applied, found, post, room, search

DATABASES = Path(__file__).parent / "databases"


def shape(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """What a database is made of, and which version it says it is."""
    tables = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    versions = [connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")]
    return [*tables.fetchall(), *versions]


def make(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.mark.parametrize("version", range(1, VERSION))
def test_the_database_that_is_kept_of_a_version_is_what_that_version_made(version: int) -> None:
    with closing(sqlite3.connect(":memory:")) as kept, closing(sqlite3.connect(":memory:")) as made:
        kept.executescript((DATABASES / f"version{version}.sql").read_text("utf-8"))
        migrate(made, version)
        assert shape(kept) == shape(made)


def test_a_database_of_the_previous_version_opens(tmp_path: Path) -> None:
    make(tmp_path / DATABASE, (DATABASES / "version1.sql").read_text("utf-8"))
    with closing(History.open(tmp_path)) as history:
        kept = history.load()
        assert (kept.epoch, kept.key, kept.position) == ("fedcba9876543210", "1" * 64, 12)
        assert kept.heads == {"lobby": Head(2, 1700000002.0), "@ann,bob": Head(1, 1700000001.0)}
        assert kept.rooms == [RoomRecord("lobby", "Tea and talk", 2.5)]
        assert kept.accounts == [
            AccountRecord("ann", "Ann", "ann", "scrypt of ann", 3),
            AccountRecord("logger", "logger", "logger", "token of logger", 0, "ann"),
        ]
        assert kept.roles == [("lobby", "ann")]
        assert kept.sanctions == [SanctionRecord("ban", "lobby", "address:192.0.2.7", "Eve", "Ann", None, "noise")]
        assert kept.motd == "Welcome to the old house"
        old = found(history, Range("lobby")).messages
        assert [(one.entry.id, one.seq, one.entry.is_bot) for one in old] == [("old1", 1, False), ("old3", 2, True)]


def test_what_came_with_a_later_version_works_for_what_was_there_before(tmp_path: Path) -> None:
    make(tmp_path / DATABASE, (DATABASES / "version1.sql").read_text("utf-8"))
    with closing(History.open(tmp_path)) as history:
        for query, ids in {"kettle": ["old1"], "creme": ["old3"], "茶会": ["old3"], "kettle own": []}.items():
            assert [one.entry.id for one in found(history, SearchFor(query)).messages] == ids
        assert [outcome.why for outcome in applied(history, post(1), post(2, cid="c1"))] == ["", "duplicate"]
        assert search(history, "message") == [1]
        applied(history, room("tea", "ann"))
        assert [row.what for row in found(history, AuditOf()).rows] == ["open"]
    with closing(History.open(tmp_path)) as history, closing(open_reader(tmp_path / DATABASE)) as connection:
        assert history.load().heads["lobby"].seq == 3
        assert shape(connection)[-2:] == [(APPLICATION_ID,), (VERSION,)]


def test_a_new_database_is_of_our_version_and_lasts(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "new.db")) as connection, closing(sqlite3.connect(":memory:")) as made:
        migrate(made)
        assert shape(connection) == shape(made)
        settings = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1}
        assert {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings} == settings
    assert len(MIGRATIONS) == VERSION


def test_a_reader_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with (
        closing(open_writer(path)),
        closing(open_reader(path)) as reader,
        pytest.raises(sqlite3.Error, match="readonly"),
    ):
        reader.execute("DELETE FROM messages")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION + 7}; CREATE TABLE later (x);",
            f"is of version {VERSION + 7}, made by a newer Landline, and this one knows version {VERSION}; use the"
            " newer one, or give another folder with --data",
        ),
        ("CREATE TABLE of_another (x);", "is the database of another program; give another folder with --data"),
        ("PRAGMA application_id = 77;", "is the database of another program; give another folder with --data"),
    ],
    ids=["newer", "tables", "other"],
)
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_database_that_is_not_ours_is_left_as_it_is(tmp_path: Path, script: str, sentence: str, journal: str) -> None:
    path = tmp_path / DATABASE
    make(path, f"PRAGMA journal_mode = {journal}; {script}")
    before = path.read_bytes()
    with pytest.raises(ChatError) as caught:
        open_writer(path)
    assert str(caught.value) == f"{path} {sentence}"
    assert path.read_bytes() == before


def damaged(whole: bytes, kind: str) -> bytes:
    """A database that something has happened to."""
    match kind:
        case "text":
            return b"This is a shopping list, and not a database at all.\n" * 200
        case "short":
            return whole[:5000]
        case _:
            return whole[:100] + b"\xff" * (len(whole) - 100)


@pytest.mark.parametrize("kind", ["text", "short", "scribbled"])
def test_a_file_that_is_no_database_is_said_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / DATABASE
    open_writer(path).close()
    broken = damaged(path.read_bytes(), kind)
    path.write_bytes(broken)
    with pytest.raises(ChatError) as caught:
        open_writer(path)
    assert str(caught.value).startswith(f"{path} cannot be used as the database of a chat: ")
    assert str(caught.value).endswith("; put a good copy in its place, or give another folder with --data")
    assert path.read_bytes() == broken


def test_a_folder_in_its_place_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    with pytest.raises(ChatError, match=r"cannot be read: Is a directory; give another folder with --data"):
        open_writer(tmp_path / DATABASE)
    with pytest.raises(ChatError, match=r"cannot be used as the database of a chat: "):
        open_reader(tmp_path / DATABASE)
    (tmp_path / "file").touch()
    with pytest.raises(ChatError, match=r"cannot be read: Not a directory; give another folder with --data"):
        open_writer(tmp_path / "file" / DATABASE)


def test_a_step_that_fails_leaves_the_version_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / DATABASE
    make(path, (DATABASES / "version1.sql").read_text("utf-8"))
    monkeypatch.setattr("landline.chat.schema.MIGRATIONS", (MIGRATIONS[0], MIGRATIONS[1] + "; SELECT nonsense;"))
    with pytest.raises(ChatError, match="no such column: nonsense"):
        open_writer(path)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'audit'").fetchall() == []
    open_writer(path).close()


def test_a_file_system_without_room_for_a_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.chat.schema.sqlite3.connect", lambda *_, **__: sqlite3.Connection(":memory:"))
    with pytest.raises(ChatError, match="SQLite cannot keep its log beside .*chat.db; give a folder of a local disk"):
        open_writer(tmp_path / DATABASE)


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    path.chmod(0o644)
    make_private(path)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("kept", 0o600)
    old = os.umask(0)
    try:
        make_private(tmp_path / "new")
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


def test_a_folder_name_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "100% of?it#all &c"
    folder.mkdir()
    open_writer(folder / DATABASE).close()
    open_writer(folder / DATABASE).close()
    assert subprocess.run(["ls", "-A", folder], capture_output=True, check=True).stdout == f"{DATABASE}\n".encode()
