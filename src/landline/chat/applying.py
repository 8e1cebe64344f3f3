"""Applying entries to a chat's database: what becomes of each depends on nothing but those before it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from landline.chat.auditing import audit_row
from landline.chat.entries import (
    AccountMade,
    AnyEntry,
    Genesis,
    Head,
    Kicked,
    MotdSet,
    Outcome,
    Post,
    RoleSet,
    RoomOpened,
    SanctionLifted,
    SanctionSet,
    SecretSet,
    SlowSet,
    Stored,
    TopicSet,
)
from landline.chat.querying import COLUMNS, stored_message
from landline.chat.searching import indexed_body, indexed_place

_NO_HEAD = Head(0, float("-inf"))
_INSERT = f"INSERT INTO messages ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


class Applying:
    """Applies entries through a connection, in transactions that its owner begins and ends.

    The owner says how each ended: `committed` or `rolled_back`. What is remembered of the database follows it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._heads: dict[str, Head] = {}
        self._new_heads: dict[str, Head] = {}

    def apply(self, entries: Sequence[tuple[int, AnyEntry]]) -> list[Outcome]:
        """Apply entries, each with its position in the log. Returns what became of each. Raises sqlite3.Error."""
        outcomes = [self._post(entry) if isinstance(entry, Post) else self._change(entry) for _, entry in entries]
        position = max((position for position, _ in entries), default=0)
        if position:
            self._connection.execute(
                "INSERT INTO facts (name, value) VALUES ('position', ?)"
                " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
                (position,),
            )
        return outcomes

    def committed(self) -> None:
        """The transaction has come to its end, and all of it lasts."""
        self._heads.update(self._new_heads)
        self._new_heads.clear()

    def rolled_back(self) -> None:
        """The transaction has failed, and nothing of it remains."""
        self._new_heads.clear()

    def _post(self, entry: Post) -> Outcome:
        """Give a message its place, unless it has one."""
        execute = self._connection.execute
        if execute("SELECT 1 FROM entries WHERE id = ?", (entry.id,)).fetchone():
            return Outcome(entry, why="duplicate")
        head = self._head(entry.room)
        seq, time = head.seq + 1, max(entry.time, head.time)
        to = (entry.to, entry.to_nick)
        row = (entry.room, seq, time, entry.id, entry.by, entry.by_nick, entry.body, entry.cid, entry.is_bot, *to)
        cursor = execute(_INSERT, row)
        if not cursor.rowcount:
            return Outcome(entry, self._known(entry), "duplicate")
        execute(
            "INSERT INTO search (rowid, place, body) VALUES (?, ?, ?)",
            (cursor.lastrowid, indexed_place(entry.room), indexed_body(entry.body)),
        )
        self._new_heads[entry.room] = Head(seq, time)
        return Outcome(entry, Stored(entry if time == entry.time else replace(entry, time=time), seq, time))

    def _known(self, entry: Post) -> Stored:
        """The message that was there before this one: of the same id, or of the same `cid` from the same sender."""
        for where, values in (("id = ?", (entry.id,)), ("sender = ? AND cid = ?", (entry.by, entry.cid))):
            row = self._connection.execute(f"SELECT {COLUMNS} FROM messages WHERE {where}", values).fetchone()
            if row:
                return stored_message(row)
        raise sqlite3.IntegrityError(f"message {entry.id} of {entry.room} finds its place taken")

    def _head(self, room: str) -> Head:
        head = self._new_heads.get(room) or self._heads.get(room)
        if head is None:
            newest = "SELECT seq, time FROM messages WHERE room = ? ORDER BY seq DESC LIMIT 1"
            row = self._connection.execute(newest, (room,)).fetchone()
            head = self._heads[room] = Head(*row) if row else _NO_HEAD
        return head

    def _change(self, entry: AnyEntry) -> Outcome:
        """Apply what is no message, unless it was before: then the answer is what it was."""
        execute = self._connection.execute
        known = execute("SELECT why FROM entries WHERE id = ?", (entry.id,)).fetchone()
        if known:
            return Outcome(entry, why=known[0] or "duplicate")
        if execute("SELECT 1 FROM messages WHERE id = ?", (entry.id,)).fetchone():
            return Outcome(entry, why="duplicate")
        why = _CHANGES[type(entry)](self._connection, entry)
        execute("INSERT INTO entries (id, why) VALUES (?, ?)", (entry.id, why))
        row = None if why else audit_row(entry)
        if row is not None:
            execute(
                "INSERT INTO audit (time, by, what, room, nick, detail) VALUES (?, ?, ?, ?, ?, ?)",
                (row.time, row.by, row.what, row.room, row.nick, row.detail),
            )
        return Outcome(entry, why=why)


# Each of these carries one kind of entry out, and returns why not, if not.


def _genesis(connection: sqlite3.Connection, entry: Genesis) -> str:
    facts = dict(connection.execute("SELECT name, value FROM facts WHERE name IN ('epoch', 'key')").fetchall())
    if facts:
        return "duplicate" if facts == {"epoch": entry.epoch, "key": entry.key} else "taken"
    pairs = [("epoch", entry.epoch), ("key", entry.key)]
    connection.executemany("INSERT INTO facts (name, value) VALUES (?, ?)", pairs)
    return ""


def _room_opened(connection: sqlite3.Connection, entry: RoomOpened) -> str:
    insert = "INSERT INTO rooms (room, topic, slow) VALUES (?, '', 0.0) ON CONFLICT DO NOTHING"
    if not connection.execute(insert, (entry.room,)).rowcount:
        return "taken"
    if entry.owner is not None:
        _moderates(connection, entry.room, entry.owner)
    return ""


def _moderates(connection: sqlite3.Connection, room: str, account: str) -> None:
    connection.execute("INSERT INTO roles (room, account) VALUES (?, ?) ON CONFLICT DO NOTHING", (room, account))


def _account_made(connection: sqlite3.Connection, entry: AccountMade) -> str:
    done = connection.execute(
        "INSERT INTO accounts (account, nick, skeleton, secret, generation, bot_of) VALUES (?, ?, ?, ?, 0, ?)"
        " ON CONFLICT DO NOTHING",
        (entry.account, entry.nick, entry.skeleton, entry.secret, entry.bot_of),
    )
    return "" if done.rowcount else "taken"


def _secret_set(connection: sqlite3.Connection, entry: SecretSet) -> str:
    update = "UPDATE accounts SET secret = ?, generation = ? WHERE account = ?"
    return _unless_unknown(connection, update, (entry.secret, entry.generation, entry.account))


def _role_set(connection: sqlite3.Connection, entry: RoleSet) -> str:
    if not connection.execute("SELECT 1 FROM accounts WHERE account = ?", (entry.account,)).fetchone():
        return "unknown"
    if entry.role:
        _moderates(connection, entry.room, entry.account)
    else:
        connection.execute("DELETE FROM roles WHERE room = ? AND account = ?", (entry.room, entry.account))
    return ""


def _sanction_set(connection: sqlite3.Connection, entry: SanctionSet) -> str:
    by = entry.by_nick or entry.by
    connection.execute(
        "INSERT INTO sanctions (what, room, target, nick, by, until, reason) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET nick = excluded.nick, by = excluded.by, until = excluded.until,"
        " reason = excluded.reason",
        (entry.what, entry.room, entry.target, entry.nick, by, entry.until, entry.reason),
    )
    return ""


def _sanction_lifted(connection: sqlite3.Connection, entry: SanctionLifted) -> str:
    for target in entry.targets:
        delete = "DELETE FROM sanctions WHERE what = ? AND room = ? AND target = ?"
        connection.execute(delete, (entry.what, entry.room, target))
    return ""


def _kicked(connection: sqlite3.Connection, entry: Kicked) -> str:
    return ""


def _slow_set(connection: sqlite3.Connection, entry: SlowSet) -> str:
    return _unless_unknown(connection, "UPDATE rooms SET slow = ? WHERE room = ?", (entry.seconds, entry.room))


def _topic_set(connection: sqlite3.Connection, entry: TopicSet) -> str:
    return _unless_unknown(connection, "UPDATE rooms SET topic = ? WHERE room = ?", (entry.text, entry.room))


def _motd_set(connection: sqlite3.Connection, entry: MotdSet) -> str:
    insert = "INSERT INTO facts (name, value) VALUES ('motd', ?) ON CONFLICT DO UPDATE SET value = excluded.value"
    connection.execute(insert, (entry.text,))
    return ""


def _unless_unknown(connection: sqlite3.Connection, update: str, values: tuple[object, ...]) -> str:
    return "" if connection.execute(update, values).rowcount else "unknown"


_CHANGES: dict[type, Callable[[sqlite3.Connection, Any], str]] = {
    Genesis: _genesis,
    RoomOpened: _room_opened,
    AccountMade: _account_made,
    SecretSet: _secret_set,
    RoleSet: _role_set,
    SanctionSet: _sanction_set,
    SanctionLifted: _sanction_lifted,
    Kicked: _kicked,
    SlowSet: _slow_set,
    TopicSet: _topic_set,
    MotdSet: _motd_set,
}
