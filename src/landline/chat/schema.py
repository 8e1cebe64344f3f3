"""The database of a chat: how it is laid out, how an older one becomes a newer one, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from landline.chat.searching import indexed_body, indexed_place
from landline.errors import ChatError

APPLICATION_ID = 0x4C4C4348
"""`LLCH`: what tells a database of ours from one of another program."""
_CHECKPOINT_PAGES = 4000
"""16 MiB of log before it is copied into the database: copying less often lets fewer commits wait for it."""
_LOG_BYTES_KEPT = 64 * 1024 * 1024

_FIRST = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE entries (id TEXT PRIMARY KEY, why TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
  num INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL, id TEXT NOT NULL UNIQUE,
  sender TEXT NOT NULL, nick TEXT NOT NULL, body TEXT NOT NULL, cid TEXT, is_bot INTEGER NOT NULL, recipient TEXT,
  recipient_nick TEXT, UNIQUE (room, seq)
);
CREATE UNIQUE INDEX messages_by_cid ON messages (sender, cid) WHERE cid IS NOT NULL;
CREATE TABLE rooms (num INTEGER PRIMARY KEY, room TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, slow REAL NOT NULL);
CREATE TABLE accounts (
  num INTEGER PRIMARY KEY, account TEXT NOT NULL UNIQUE, nick TEXT NOT NULL, skeleton TEXT NOT NULL UNIQUE,
  secret TEXT NOT NULL, generation INTEGER NOT NULL, bot_of TEXT
);
CREATE TABLE roles (num INTEGER PRIMARY KEY, room TEXT NOT NULL, account TEXT NOT NULL, UNIQUE (room, account));
CREATE TABLE sanctions (
  num INTEGER PRIMARY KEY, what TEXT NOT NULL, room TEXT NOT NULL, target TEXT NOT NULL, nick TEXT NOT NULL,
  by TEXT NOT NULL, until REAL, reason TEXT NOT NULL, UNIQUE (what, room, target)
);
"""

_AUDIT_AND_SEARCH = """
CREATE TABLE audit (
  num INTEGER PRIMARY KEY, time REAL NOT NULL, by TEXT NOT NULL, what TEXT NOT NULL, room TEXT, nick TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX audit_by_room ON audit (room, num);
CREATE VIRTUAL TABLE search USING fts5 (
  place, body, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2'
);
INSERT INTO search (rowid, place, body) SELECT num, indexed_place(room), indexed_body(body) FROM messages;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _AUDIT_AND_SEARCH)
"""What makes each version of the one before. What is here stays as it is for good: databases were made with it."""
VERSION = len(MIGRATIONS)


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the database for the one who writes, made or brought up to date if it must be. It is for its owner alone.

    Any thread may use the connection, one at a time. Raises ChatError for a file that is not a database of a chat, or
    one of a later version, and leaves it as it was.
    """
    try:
        make_private(path)
        if path.stat().st_size:
            _inspect(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except OSError as error:
        raise ChatError(f"{path} cannot be read: {error.strerror}; give another folder with --data") from None
    except sqlite3.Error as error:
        raise _unreadable(path, error) from None
    try:
        with _closed_on_error(connection):
            _set_up(connection, path)
            migrate(connection)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from None
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database, which a writer has open, for reading alone. Any thread may use it, one at a time.

    Raises ChatError.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        with _closed_on_error(connection):
            connection.execute("PRAGMA query_only = 1")
            connection.execute("PRAGMA cache_size = -16000")
    except sqlite3.Error as error:
        raise _unreadable(path, error) from None
    return connection


def migrate(connection: sqlite3.Connection, version: int = VERSION) -> None:
    """Bring a database, new or old, up to a version, one step and transaction after the other."""
    functions: tuple[Callable[[str], str], ...] = (indexed_place, indexed_body)
    for function in functions:
        connection.create_function(function.__name__, 1, function, deterministic=True)
    (reached,) = connection.execute("PRAGMA user_version").fetchone()
    for number in range(reached, version):
        step = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number + 1};"
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]} {step} COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _inspect(path: Path) -> None:
    """Look at a database without changing it. Raises ChatError if it is none of ours, and sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise ChatError(f"{path} is the database of another program; give another folder with --data")
    if version > VERSION:
        raise ChatError(
            f"{path} is of version {version}, made by a newer Landline, and this one knows version {VERSION};"
            " use the newer one, or give another folder with --data"
        )


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ChatError(f"SQLite cannot keep its log beside {path}; give a folder of a local disk with --data")
    # A commit has reached the disk when it returns; on macOS that takes another call than fsync.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = 1")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES_KEPT}")
    connection.execute("PRAGMA cache_size = -32000")


def _unreadable(path: Path, error: sqlite3.Error) -> ChatError:
    if error_code(error) == sqlite3.SQLITE_FULL:
        return ChatError(f"{path} cannot be made ready: the disk is full; free some room")
    return ChatError(
        f"{path} cannot be used as the database of a chat: {error};"
        " put a good copy in its place, or give another folder with --data"
    )


def error_code(error: BaseException) -> int:
    """The primary code of SQLite for an error, as in sqlite3.SQLITE_FULL; 0 if it has none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def make_private(path: Path) -> None:
    """Let a file be there, for its owner alone. Raises OSError. Not to be called while SQLite has it open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
