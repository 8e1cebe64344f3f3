"""Who is here: sessions, the persons behind them, and which nicks they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from landline.chat.buckets import Bucket
from landline.chat.entries import AccountRecord
from landline.chat.names import account_of, skeleton
from landline.chat.notices import Person

if TYPE_CHECKING:
    from landline.chat.rooms import Room


@dataclass(slots=True, eq=False)
class Session:
    """One connection of one person."""

    number: int
    address: str
    is_local: bool
    is_secure: bool
    is_person: bool
    messages: Bucket
    requests: Bucket
    identity: Identity | None = None
    """Who it is; None before hello."""
    rooms: dict[str, Room] = field(default_factory=dict)
    """The rooms it is in, in the order it came to them."""
    typed: float = -1e9
    """When it last told that somebody types."""
    queries: int = 0
    """What it has asked that is not answered yet."""


@dataclass(slots=True, eq=False)
class Identity:
    """Somebody who is here with at least one session of this node."""

    id: str
    nick: str
    account: AccountRecord | None = None
    is_operator: bool = False
    sessions: dict[int, Session] = field(default_factory=dict)

    @property
    def is_bot(self) -> bool:
        """Whether it is a program with a token of its own."""
        return self.account is not None and self.account.bot_of is not None

    def person(self, role: str = "") -> Person:
        """As others see it."""
        return Person(self.id, self.nick, "operator" if self.is_operator else role, self.is_bot)


class Directory:
    """Accounts there are, persons who are here, and whose nick is whose."""

    def __init__(self, accounts: list[AccountRecord]) -> None:
        self.accounts: dict[str, AccountRecord] = {}
        self.here: dict[str, Identity] = {}
        self.elsewhere: dict[str, dict[str, Person]] = {}
        """By node: who is on it, by id."""
        self._owned: dict[str, str] = {}
        self._in_use: dict[str, str] = {}
        for account in accounts:
            self.add_account(account)

    def add_account(self, account: AccountRecord) -> None:
        """An account there is, or as it is now."""
        self.accounts[account.account] = account
        self._owned[account.skeleton] = account.account

    def owner(self, nick: str) -> AccountRecord | None:
        """The account that a nick belongs to, or that is called nearly so."""
        return self.accounts.get(account_of(nick)) or self.accounts.get(self._owned.get(skeleton(nick), ""))

    def users(self, nick: str) -> list[str]:
        """The ids of who is called so at the moment, or nearly so, here or on another node."""
        return list(dict.fromkeys(self._in_use[form] for form in _forms(nick) if form in self._in_use))

    def take(self, identity: Identity) -> None:
        """Somebody is here now, under this nick."""
        self.here[identity.id] = identity
        self._in_use.update(dict.fromkeys(_forms(identity.nick), identity.id))

    def drop(self, identity: Identity) -> None:
        """Somebody is not here any more; the nick is free, unless the same one is on another node."""
        self.here.pop(identity.id, None)
        self._free(identity.nick, identity.id)

    def rename(self, identity: Identity, nick: str) -> None:
        """Somebody has another nick."""
        old, identity.nick = identity.nick, nick
        self._free(old, identity.id)
        self.take(identity)

    def take_elsewhere(self, node: str, person: Person) -> None:
        """Somebody is on another node."""
        self.elsewhere.setdefault(node, {})[person.id] = person
        for form in _forms(person.nick):
            self._in_use.setdefault(form, person.id)

    def drop_elsewhere(self, node: str, person: Person) -> None:
        """Somebody is not on that node any more."""
        people = self.elsewhere.get(node, {})
        people.pop(person.id, None)
        if not people:
            self.elsewhere.pop(node, None)
        self._free(person.nick, person.id)

    def person(self, id: str) -> Person | None:
        """Somebody who is here or on another node, by id."""
        identity = self.here.get(id)
        if identity is not None:
            return identity.person()
        return next((people[id] for people in self.elsewhere.values() if id in people), None)

    def everybody(self) -> Iterator[Person]:
        """Everybody who is here or on another node, once."""
        seen = set(self.here)
        yield from (identity.person() for identity in self.here.values())
        for people in self.elsewhere.values():
            yield from (person for id, person in people.items() if id not in seen)
            seen |= people.keys()

    def _free(self, nick: str, id: str) -> None:
        """A nick is not that of somebody any more, but where there is still a session under it."""
        for form in _forms(nick):
            if self._in_use.get(form) == id:
                del self._in_use[form]
        people = [others[id] for others in self.elsewhere.values() if id in others]
        nicks = [person.nick for person in people] + ([self.here[id].nick] if id in self.here else [])
        for form in [form for other in nicks for form in _forms(other)]:
            self._in_use.setdefault(form, id)


def _forms(nick: str) -> tuple[str, str]:
    """What must be nobody else's: what a nick looks like, and what it is. A capital I looks like an l, and is an i."""
    return skeleton(nick), f"={account_of(nick)}"
