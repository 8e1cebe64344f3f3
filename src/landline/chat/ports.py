"""What the chat expects of a store and of a bus. Each has the same tests, whoever does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from landline.chat.entries import AnyEntry, Genesis, Outcome, Snapshot, Stored
from landline.chat.notices import AuditRow, Person


class Range(Struct, frozen=True):
    """Messages of a room: those behind `after` and before `before`, at most `limit`; the newest if `newest`.

    They come oldest first, either way.
    """

    room: str
    after: int = 0
    before: int | None = None
    limit: int = 50
    newest: bool = False


class SearchFor(Struct, frozen=True):
    """Messages with all the words of `query`, in these rooms (None: in every room that is no conversation, and in
    `also`), newest first; `before` is a cursor."""

    query: str
    rooms: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    before: int | None = None
    limit: int = 50


class AuditOf(Struct, frozen=True):
    """What was done in a room (None: everywhere), newest first."""

    room: str | None = None
    limit: int = 50


Query = Range | SearchFor | AuditOf


class Found(Struct, frozen=True):
    """What a query found; `more`: there is more behind `limit`. `error` is a sentence if it could not be read."""

    messages: list[Stored] = []
    rows: list[AuditRow] = []
    more: bool = False
    cursor: int | None = None
    error: str = ""


class Store(Protocol):
    """Where entries and messages are kept. One thread writes; callbacks run on that thread or another, not the
    caller's, and must only hand on."""

    def load(self) -> Snapshot:
        """What is kept, but messages. Blocks. Raises ChatError if it cannot be read. Without a genesis, which comes
        by `apply` like everything else, `epoch` and `key` are empty."""

    def apply(self, entries: Sequence[tuple[int, AnyEntry]], done: Callable[[list[Outcome]], None]) -> None:
        """Apply entries in this order, each with its position in the log (0: the bus has none).

        `done` gets the outcome of each when all of them are durable. Entries of several calls may share a commit; it
        comes within 5 ms. If they cannot be stored, all outcomes of the commit are `failed` and nothing is kept.
        """

    def read(self, query: Query, done: Callable[[Found], None]) -> None:
        """Read; sees every entry whose `done` was called before."""

    def close(self) -> None:
        """Write what was given, then close. Blocks. Queries that wait are answered with an error."""


class Node(Protocol):
    """What a bus calls on each node, from the event loop."""

    def deliver(self, entries: Sequence[tuple[int, AnyEntry]]) -> Awaitable[bool]:
        """Entries in the order of the log, each once, or again behind what was applied. The bus waits for the result
        before it gives more than a bounded number; False: they could not be stored, give them again later."""

    def failed(self, entry: AnyEntry, why: str, *, unsure: bool) -> None:
        """A proposed entry was not taken; `unsure`: it may come all the same."""

    def present(self, node: str, people: Sequence[tuple[str, Person]], *, whole: bool) -> None:
        """People of another node: pairs of a room ("" for being here at all) and a person. `whole`: these are all of
        that node; otherwise they are added."""

    def absent(self, node: str, people: Sequence[tuple[str, Person]] | None) -> None:
        """People of another node have gone from these rooms; None: the whole node is gone."""

    def passing(self, document: bytes) -> None:
        """Something ephemeral that another node passed on with `pass_on`."""

    def linked(self, up: bool, detail: str) -> None:
        """The bus is reachable again, or not for now."""


class Bus(Protocol):
    """One order of all entries for all nodes, and who is where. The bus of one process has no wire."""

    async def start(self, node: Node, position: int, genesis: Genesis | None) -> Genesis | None:
        """Begin, behind `position` of the log. `genesis` is that of the store (None: the store is empty).

        Returns the genesis of the log if the store must take it over. Raises ChatError if the two are not of one chat,
        or if the log does not reach back to `position`.
        """

    async def caught_up(self) -> None:
        """Wait until what was in the log when the bus began has been delivered: a node that opens its doors before
        would know less than those who come from another one."""

    def propose(self, entry: AnyEntry) -> None:
        """Give an entry its place in the log. It comes back with `deliver`, or `failed` tells why not."""

    def came(self, room: str, person: Person) -> None:
        """Somebody of this node has come to a room ("" for being here)."""

    def went(self, room: str, person: Person) -> None:
        """Somebody of this node has gone from a room."""

    def pass_on(self, document: bytes) -> None:
        """Pass something ephemeral to the other nodes; it may be lost."""

    async def stop(self) -> None:
        """Tell the others that this node goes, and end."""
