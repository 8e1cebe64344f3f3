"""Reading a chat's database: pages, searches, the audit log, and all that a core must know to begin."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from landline.chat.entries import AccountRecord, Head, Post, RoomRecord, SanctionRecord, Snapshot, Stored
from landline.chat.notices import AuditRow
from landline.chat.ports import AuditOf, Found, Query, Range, SearchFor
from landline.chat.searching import match_expression

COLUMNS = "room, seq, time, id, sender, nick, body, cid, is_bot, recipient, recipient_nick"
NO_WORDS = "there is no word to look for: write at least one, of letters or digits"
_ENDLESS = 2**63 - 1

# The next room behind one is found by the index: this takes as many steps as there are rooms, however many messages.
_HEADS = """
WITH RECURSIVE places (room) AS (
  SELECT min(room) FROM messages
  UNION ALL SELECT (SELECT min(room) FROM messages WHERE room > places.room) FROM places WHERE places.room IS NOT NULL
)
SELECT places.room, messages.seq, messages.time FROM places JOIN messages ON messages.room = places.room
WHERE messages.seq = (SELECT max(seq) FROM messages AS other WHERE other.room = places.room)
"""


def stored_message(row: Sequence[Any]) -> Stored:
    """A message of its row, with the columns of COLUMNS."""
    room, seq, time, entry_id, sender, nick, body, cid, is_bot, recipient, recipient_nick = row
    entry = Post(
        id=entry_id, time=time, by=sender, by_nick=nick, room=room, body=body, cid=cid, is_bot=bool(is_bot),
        to=recipient, to_nick=recipient_nick,
    )  # fmt: skip
    return Stored(entry, seq, time)


def find(connection: sqlite3.Connection, query: Query) -> Found:
    """Answer a query. Raises sqlite3.Error."""
    match query:
        case Range():
            return _page(connection, query)
        case SearchFor():
            return _search(connection, query)
        case AuditOf():
            return _audit(connection, query)


def _page(connection: sqlite3.Connection, query: Range) -> Found:
    before = _ENDLESS if query.before is None else query.before
    limit = max(query.limit, 0)
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM messages WHERE room = ? AND seq > ? AND seq < ?"
        f" ORDER BY seq {'DESC' if query.newest else 'ASC'} LIMIT ?",
        (query.room, query.after, before, limit + 1),
    ).fetchall()
    kept = rows[:limit]
    if query.newest:
        kept.reverse()
    return Found([stored_message(row) for row in kept], more=len(rows) > limit)


def _search(connection: sqlite3.Connection, query: SearchFor) -> Found:
    if match_expression(query.query, None) is None:
        return Found(error=NO_WORDS)
    expression = match_expression(query.query, query.rooms, query.also)
    if expression is None:
        return Found()
    before = _ENDLESS if query.before is None else query.before
    limit = max(query.limit, 0)
    numbers = connection.execute(
        "SELECT rowid FROM search WHERE search MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?",
        (expression, before, limit + 1),
    ).fetchall()
    kept = [number for (number,) in numbers[:limit]]
    more = len(numbers) > limit
    read = f"SELECT {COLUMNS} FROM messages WHERE num = ?"
    messages = [stored_message(connection.execute(read, (number,)).fetchone()) for number in kept]
    return Found(messages, more=more, cursor=kept[-1] if more and kept else None)


def _audit(connection: sqlite3.Connection, query: AuditOf) -> Found:
    limit = max(query.limit, 0)
    where, values = ("", []) if query.room is None else ("WHERE room = ?", [query.room])
    rows = connection.execute(
        f"SELECT time, by, what, room, nick, detail FROM audit {where} ORDER BY num DESC LIMIT ?", (*values, limit + 1)
    ).fetchall()
    return Found(rows=[AuditRow(*row) for row in rows[:limit]], more=len(rows) > limit)


def snapshot(connection: sqlite3.Connection) -> Snapshot:
    """All that lasts, but messages, as of one moment. Raises sqlite3.Error.

    `epoch` and `key` are "" in a database that has no genesis.
    """
    connection.execute("BEGIN")
    try:
        facts = dict(connection.execute("SELECT name, value FROM facts").fetchall())
        return Snapshot(
            epoch=facts.get("epoch", ""),
            key=facts.get("key", ""),
            position=facts.get("position", 0),
            motd=facts.get("motd", ""),
            heads={room: Head(seq, time) for room, seq, time in connection.execute(_HEADS)},
            rooms=[RoomRecord(*row) for row in connection.execute("SELECT room, topic, slow FROM rooms ORDER BY num")],
            accounts=[
                AccountRecord(*row)
                for row in connection.execute(
                    "SELECT account, nick, skeleton, secret, generation, bot_of FROM accounts ORDER BY num"
                )
            ],
            roles=connection.execute("SELECT room, account FROM roles ORDER BY num").fetchall(),
            sanctions=[
                SanctionRecord(*row)
                for row in connection.execute(
                    "SELECT what, room, target, nick, by, until, reason FROM sanctions ORDER BY num"
                )
            ],
        )
    finally:
        connection.execute("ROLLBACK")
