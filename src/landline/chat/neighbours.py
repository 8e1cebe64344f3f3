"""Who is on the other nodes: what a node tells of its own people, and what it makes of what it hears.

A node holds a lease that the bus ends when the node does. What it tells is numbered, and the
lease says how far: whoever misses a number, or comes anew, asks for the whole. Times are of a steady clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeVar

import msgspec
from msgspec import Struct

from landline.chat.effects import Absent, Present
from landline.chat.notices import Person

LEASE_SECONDS = 4.0
"""How long a node that says nothing is there for the others. It renews its lease each second."""
ASK_SECONDS = 1.0
"""How long an answer may take before the question is repeated."""
MOST_NODES = 1000
PEOPLE_AT_ONCE = 500
"""Seats in one report: some 60 KB, and never more than a message of NATS may have (1 MB)."""
MOST_PENDING = 5000
"""Changes that may wait; beyond, the whole is told instead."""

Seat = tuple[str, Person]
"""A room ("" for being here at all) and a person."""


class Changes(Struct, tag="changes", frozen=True):
    """Who came (True) to a room and who went (False), in order."""

    number: int
    changes: list[tuple[bool, str, Person]]


class Whole(Struct, tag="whole", frozen=True):
    """Everybody of a node, or as many as fit; more may follow what is `first`."""

    number: int
    first: bool
    people: list[Seat]


Report = Changes | Whole

_Thing = TypeVar("_Thing")
_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def decode_report(document: bytes) -> Report:
    """Read a report. Raises msgspec.DecodeError."""
    return _DECODER.decode(document)


class Roster:
    """The people of this node, and what of them the others have not been told."""

    def __init__(self) -> None:
        self._seats: dict[tuple[str, str], Person] = {}
        self._pending: list[tuple[bool, str, Person]] = []
        self._number = 0
        self._is_whole_due = True

    @property
    def number(self) -> int:
        """The number of the newest report."""
        return self._number

    @property
    def has_news(self) -> bool:
        """Whether there is anything to tell."""
        return self._is_whole_due or bool(self._pending)

    def came(self, room: str, person: Person) -> None:
        """Somebody has come to a room."""
        self._seats[room, person.id] = person
        self._note(True, room, person)

    def went(self, room: str, person: Person) -> None:
        """Somebody has gone from a room."""
        if self._seats.pop((room, person.id), None) is not None:
            self._note(False, room, person)

    def asked(self) -> None:
        """Somebody wants to know everybody; so does whoever is there when the link is new."""
        self._is_whole_due = True

    def reports(self) -> list[bytes]:
        """What the others must be told now, each document at most some 60 KB.

        Changes come before the whole: whoever knows the whole already must not find a change in it.
        """
        changes, self._pending = self._pending, []
        told: list[Report] = [Changes(self._next(), part) for part in _parts(changes)]
        if self._is_whole_due:
            self._is_whole_due = False
            told += self._whole()
        return [_ENCODER.encode(report) for report in told]

    def seats(self) -> list[Seat]:
        """Everybody."""
        return [(room, person) for (room, _), person in self._seats.items()]

    def _note(self, came: bool, room: str, person: Person) -> None:
        if self._number == 0:
            return  # Nobody knows anything of this node yet, so its whole will do.
        self._pending.append((came, room, person))
        if len(self._pending) > MOST_PENDING:
            self._pending.clear()
            self._is_whole_due = True
            self._next()  # A number that nobody hears: nobody passes over the whole.

    def _whole(self) -> Iterator[Whole]:
        for at, part in enumerate(list(_parts(self.seats())) or [[]]):
            yield Whole(self._next(), at == 0, part)

    def _next(self) -> int:
        self._number += 1
        return self._number


def _parts(things: list[_Thing]) -> Iterator[list[_Thing]]:
    for at in range(0, len(things), PEOPLE_AT_ONCE):
        yield things[at : at + PEOPLE_AT_ONCE]


class _Neighbour:
    """What is known of another node."""

    def __init__(self, now: float) -> None:
        self.number: int | None = None
        """The number of its newest report, or None: its whole is to be asked for."""
        self.doubted_at: float | None = now
        """Since when nobody knows whether it is still there; None if it holds its lease."""
        self.asked_at = now
        """When its whole was asked for; a new node tells it unasked."""
        self.announced = 0
        """The number of its newest report, as its lease had it last."""
        self.is_told = False
        """Whether anything was made of its reports."""
        self.is_skipping = False
        """Whether the whole that it tells is for others: this node knows it."""


class Neighbours:
    """The other nodes, as this one sees them."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Neighbour] = {}
        self._linked_at = 0.0

    def linked(self, now: float) -> None:
        """The link is new: whoever is known has as long as a lease lasts to show up."""
        self._linked_at = now
        for one in self._nodes.values():
            one.doubted_at = now
            one.number = None
            one.asked_at = now

    def leased(self, node: str, number: int, now: float) -> None:
        """A node has taken or renewed its lease, and says the number of its newest report in it.

        A report that is not there by the next time was lost, though nothing came behind it.
        """
        one = self._get(node, now)
        if one is None:
            return
        one.doubted_at = None
        if one.number is not None and one.number < one.announced:
            one.number = None
        one.announced = number

    def released(self, node: str) -> list[Absent]:
        """A node has given up its lease: it has ended."""
        one = self._nodes.pop(node, None)
        return [Absent(node, None)] if one is not None and one.is_told else []

    def expired(self, node: str, now: float) -> list[Absent]:
        """The lease of a node has run out. If the link is new, that may be so because nobody could renew it: then the
        node has until the link is as old as a lease lasts."""
        one = self._nodes.get(node)
        if one is not None and now < self._linked_at + LEASE_SECONDS:
            one.doubted_at = self._linked_at
            return []
        return self.released(node)

    def heard(self, node: str, report: Report, now: float) -> list[Present | Absent]:
        """What a report of a node comes to."""
        one = self._get(node, now)
        if one is None or (one.number is not None and report.number <= one.number):
            return []
        is_next = one.number is not None and report.number == one.number + 1
        if isinstance(report, Whole) and report.first:
            one.is_skipping = is_next
        elif not is_next:
            one.number = None
            return []
        one.number = report.number
        if isinstance(report, Changes):
            return list(_told(node, report.changes))
        if one.is_skipping:
            return []
        one.is_told = True
        return [Present(node, report.people, whole=report.first)]

    def due(self, now: float) -> tuple[list[Absent], list[str]]:
        """What time brings: who has not shown up, and whom to ask for everybody."""
        over = [
            node
            for node, one in self._nodes.items()
            if one.doubted_at is not None and now >= one.doubted_at + LEASE_SECONDS
        ]
        gone = [absent for node in over for absent in self.released(node)]
        asked = [node for node, one in self._nodes.items() if one.number is None and now >= one.asked_at + ASK_SECONDS]
        for node in asked:
            self._nodes[node].asked_at = now
        return gone, asked

    def _get(self, node: str, now: float) -> _Neighbour | None:
        if node not in self._nodes and len(self._nodes) < MOST_NODES:
            self._nodes[node] = _Neighbour(now)
        return self._nodes.get(node)


def _told(node: str, changes: Iterable[tuple[bool, str, Person]]) -> Iterator[Present | Absent]:
    """Changes in order, those of one kind together."""
    for came, group in groupby(changes, key=lambda change: change[0]):
        people = [(room, person) for _, room, person in group]
        yield Present(node, people) if came else Absent(node, people)
