"""A store without a disk: what a store does, in dictionaries, and at once. The measure of the real one, and for cores.

Callbacks run within the call. With `failing` set, everything fails, for that reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from landline.chat.auditing import audit_row
from landline.chat.entries import (
    AccountMade,
    AccountRecord,
    AnyEntry,
    Genesis,
    Head,
    MotdSet,
    Outcome,
    Post,
    RoleSet,
    RoomOpened,
    RoomRecord,
    SanctionLifted,
    SanctionRecord,
    SanctionSet,
    SecretSet,
    SlowSet,
    Snapshot,
    Stored,
    TopicSet,
)
from landline.chat.notices import AuditRow
from landline.chat.ports import AuditOf, Found, Query, Range, SearchFor
from landline.chat.querying import NO_WORDS
from landline.chat.searching import LEAST_BEGINNING

_WORD = re.compile("[\u3040-\u30ff\u4e00-\u9fff]|[^\\W_\u3040-\u30ff\u4e00-\u9fff]+")


class MemoryStore:
    """A Store that keeps everything in memory. `messages` are all there are, in the order of the log."""

    def __init__(self, fresh: Genesis | None = None) -> None:
        self.failing = ""
        self.messages: list[Stored] = []
        self._genesis: Genesis | None = None
        self._position = 0
        self._motd = ""
        self._done: dict[str, str] = {}
        self._rooms: dict[str, RoomRecord] = {}
        self._accounts: dict[str, AccountRecord] = {}
        self._roles: dict[tuple[str, str], None] = {}
        self._sanctions: dict[tuple[str, str, str], SanctionRecord] = {}
        self._audit: list[AuditRow] = []
        if fresh is not None:
            self.apply([(0, fresh)], lambda outcomes: None)

    def load(self) -> Snapshot:
        """What is kept, but messages."""
        heads = {stored.entry.room: Head(stored.seq, stored.time) for stored in self.messages}
        return Snapshot(
            epoch=self._genesis.epoch if self._genesis else "",
            key=self._genesis.key if self._genesis else "",
            position=self._position,
            heads=heads,
            rooms=list(self._rooms.values()),
            accounts=list(self._accounts.values()),
            roles=list(self._roles),
            sanctions=list(self._sanctions.values()),
            motd=self._motd,
        )

    def apply(self, entries: Sequence[tuple[int, AnyEntry]], done: Callable[[list[Outcome]], None]) -> None:
        """Apply entries, and call back."""
        if self.failing:
            done([Outcome(entry, why="failed", detail=self.failing) for _, entry in entries])
            return
        outcomes = [self._post(entry) if isinstance(entry, Post) else self._change(entry) for _, entry in entries]
        self._position = max([self._position, *(position for position, _ in entries)])
        done(outcomes)

    def read(self, query: Query, done: Callable[[Found], None]) -> None:
        """Read, and call back."""
        match query:
            case _ if self.failing:
                done(Found(error=self.failing))
            case Range():
                done(self._page(query))
            case SearchFor():
                done(self._search(query))
            case AuditOf():
                rows = [row for row in reversed(self._audit) if query.room in (None, row.room)]
                done(Found(rows=rows[: query.limit], more=len(rows) > query.limit))

    def close(self) -> None:
        """There is nothing to close; what comes now fails."""
        self.failing = "the store is closed"

    def _post(self, entry: Post) -> Outcome:
        if entry.id in self._done:
            return Outcome(entry, why="duplicate")
        by_id = [one for one in self.messages if one.entry.id == entry.id]
        by_cid = [one for one in self.messages if entry.cid is not None and _cid(one.entry) == _cid(entry)]
        for known in by_id + by_cid:
            return Outcome(entry, known, "duplicate")
        before = [one for one in self.messages if one.entry.room == entry.room]
        time = max([entry.time, *(one.time for one in before[-1:])])
        stored = Stored(replace(entry, time=time), len(before) + 1, time)
        self.messages.append(stored)
        return Outcome(entry, stored)

    def _change(self, entry: AnyEntry) -> Outcome:
        if entry.id in self._done:
            return Outcome(entry, why=self._done[entry.id] or "duplicate")
        if any(one.entry.id == entry.id for one in self.messages):
            return Outcome(entry, why="duplicate")
        why = self._done[entry.id] = self._carry_out(entry)
        row = audit_row(entry)
        if row is not None and not why:
            self._audit.append(row)
        return Outcome(entry, why=why)

    def _carry_out(self, entry: AnyEntry) -> str:
        match entry:
            case Genesis():
                known = self._genesis
                self._genesis = known or entry
                if known is not None:
                    return "duplicate" if (known.epoch, known.key) == (entry.epoch, entry.key) else "taken"
            case AccountMade():
                return self._account_made(entry)
            case SecretSet():
                if entry.account not in self._accounts:
                    return "unknown"
                known_account = self._accounts[entry.account]
                self._accounts[entry.account] = replace(known_account, secret=entry.secret, generation=entry.generation)
            case SanctionSet():
                key = (entry.what, entry.room, entry.target)
                by = entry.by_nick or entry.by
                self._sanctions[key] = SanctionRecord(*key, entry.nick, by, entry.until, entry.reason)
            case SanctionLifted():
                for target in entry.targets:
                    self._sanctions.pop((entry.what, entry.room, target), None)
            case MotdSet():
                self._motd = entry.text
            case RoomOpened() | RoleSet() | SlowSet() | TopicSet():
                return self._of_room(entry)
        return ""

    def _of_room(self, entry: RoomOpened | RoleSet | SlowSet | TopicSet) -> str:
        room = self._rooms.get(entry.room)
        match entry:
            case RoomOpened():
                if room is not None:
                    return "taken"
                self._rooms[entry.room] = RoomRecord(entry.room)
                if entry.owner is not None:
                    self._roles[entry.room, entry.owner] = None
            case RoleSet():
                if entry.account not in self._accounts:
                    return "unknown"
                if entry.role:
                    self._roles[entry.room, entry.account] = None
                else:
                    self._roles.pop((entry.room, entry.account), None)
            case _ if room is None:
                return "unknown"
            case SlowSet():
                self._rooms[entry.room] = replace(room, slow=entry.seconds)
            case TopicSet():
                self._rooms[entry.room] = replace(room, topic=entry.text)
        return ""

    def _account_made(self, entry: AccountMade) -> str:
        if entry.account in self._accounts or entry.skeleton in {one.skeleton for one in self._accounts.values()}:
            return "taken"
        self._accounts[entry.account] = AccountRecord(
            entry.account, entry.nick, entry.skeleton, entry.secret, 0, entry.bot_of
        )
        return ""

    def _page(self, query: Range) -> Found:
        end = query.before
        fit = [one for one in self.messages if one.entry.room == query.room and one.seq > query.after]
        fit = [one for one in fit if end is None or one.seq < end]
        kept = fit[max(len(fit) - query.limit, 0) :] if query.newest else fit[: query.limit]
        return Found(kept, more=len(fit) > query.limit)

    def _search(self, query: SearchFor) -> Found:
        asked = [word for word in query.query.replace("\0", " ").split() if _words(word)]
        if not asked:
            return Found(error=NO_WORDS)
        numbers = [
            number
            for number in range(len(self.messages), 0, -1)
            if (query.before is None or number < query.before) and _is_asked_for(self.messages[number - 1], query)
        ]
        hits = [number for number in numbers if _has(self.messages[number - 1].entry.body, asked)]
        kept, more = hits[: query.limit], len(hits) > query.limit
        return Found(
            [self.messages[number - 1] for number in kept], more=more, cursor=kept[-1] if more and kept else None
        )


def _cid(entry: Post) -> tuple[str, str | None]:
    return entry.by, entry.cid


def _is_asked_for(stored: Stored, query: SearchFor) -> bool:
    room = stored.entry.room
    if query.rooms is None:
        return not room.startswith("@") or room in query.also
    return room in query.rooms


def _words(text: str) -> list[str]:
    plain = "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
    # One by one: a text as a whole ends in another sigma than it has inside.
    return _WORD.findall("".join(map(str.lower, plain)))


def _has(body: str, asked: list[str]) -> bool:
    """Whether all words are in a body, the last of which may be the beginning of one."""
    words = _words(body)
    is_beginning = len(asked[-1]) >= LEAST_BEGINNING
    phrases = list(map(_words, asked))
    return all(_stands_in(words, one, False) for one in phrases[:-1]) and _stands_in(words, phrases[-1], is_beginning)


def _stands_in(words: list[str], phrase: list[str], is_beginning: bool) -> bool:
    for start in range(len(words) - len(phrase) + 1):
        *same, end = words[start : start + len(phrase)]
        if same == phrase[:-1] and (end.startswith(phrase[-1]) if is_beginning else end == phrase[-1]):
            return True
    return False
