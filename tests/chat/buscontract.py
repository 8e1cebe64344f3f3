"""What every bus does, whoever carries it: rules tried on each, with nodes that write down what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import pytest

from landline.chat.entries import AnyEntry, Genesis, Post
from landline.chat.notices import Person
from landline.chat.ports import Bus
from landline.errors import ChatError

WAIT_SECONDS = 15.0
ANN, BOB = Person("ann", "Ann"), Person("bob", "Bob")


class Recorder:
    """A node that writes down what the bus tells it. `refusals` says how often it cannot store what it is given."""

    def __init__(self) -> None:
        self.got: list[tuple[int, AnyEntry]] = []
        self.given: list[list[str]] = []
        self.failures: list[tuple[str, str, bool]] = []
        self.people: dict[str, set[tuple[str, str]]] = {}
        self.gone: list[str] = []
        self.passed: list[bytes] = []
        self.links: list[tuple[bool, str]] = []
        self.refusals = 0
        self._changed = asyncio.Event()

    async def deliver(self, entries: Sequence[tuple[int, AnyEntry]]) -> bool:
        self.given.append([entry.id for _, entry in entries])
        self._changed.set()
        await asyncio.sleep(0)
        if self.refusals:
            self.refusals -= 1
            return False
        self.got.extend(entries)
        self._changed.set()
        return True

    def failed(self, entry: AnyEntry, why: str, *, unsure: bool) -> None:
        self.failures.append((entry.id, why, unsure))
        self._changed.set()

    def present(self, node: str, people: Sequence[tuple[str, Person]], *, whole: bool) -> None:
        seats = {(room, person.id) for room, person in people}
        self.people[node] = seats if whole else self.people.get(node, set()) | seats
        self._changed.set()

    def absent(self, node: str, people: Sequence[tuple[str, Person]] | None) -> None:
        if people is None:
            self.people.pop(node, None)
            self.gone.append(node)
        else:
            self.people[node] = self.people.get(node, set()) - {(room, person.id) for room, person in people}
        self._changed.set()

    def passing(self, document: bytes) -> None:
        self.passed.append(document)
        self._changed.set()

    def linked(self, up: bool, detail: str) -> None:
        self.links.append((up, detail))
        self._changed.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def has(self, *ids: str) -> None:
        """Wait until these entries were delivered."""
        await self.until(lambda: set(ids) <= set(self.ids()))

    def ids(self, room: str | None = None) -> list[str]:
        """The ids of all posts, or of those in a room, as they were delivered."""
        posts = [entry for _, entry in self.got if isinstance(entry, Post)]
        return [post.id for post in posts if room is None or post.room == room]

    def here(self) -> list[tuple[str, str]]:
        """Rooms and ids of all people of other nodes."""
        return sorted(seat for seats in self.people.values() for seat in seats)


class EndingBus(Bus, Protocol):
    """A bus that can also end as if its process were killed."""

    async def abort(self) -> None: ...


class Rig:
    """Nodes of one chat, each with its bus. `make` gives a bus of the chat; all are ended with the block."""

    def __init__(self, make: Callable[[], EndingBus]) -> None:
        self.make = make
        self._buses: list[EndingBus] = []
        self.genesis: Genesis | None = None

    async def attach(
        self, node: Recorder | None = None, position: int = 0, genesis: Genesis | None = None
    ) -> tuple[Recorder, EndingBus]:
        """Start a node, with an empty store unless a `genesis` is given."""
        node = node or Recorder()
        bus = self.make()
        found = await bus.start(node, position, genesis)
        self._buses.append(bus)
        if genesis is None:
            assert found is not None and self.genesis in (None, found)
            self.genesis = found
        else:
            assert found is None
        return node, bus

    async def pair(self) -> tuple[Recorder, EndingBus, Recorder, EndingBus]:
        """Two nodes."""
        return (*await self.attach(), *await self.attach())

    async def __aenter__(self) -> Rig:
        return self

    async def __aexit__(self, *_: object) -> None:
        for bus in self._buses:
            await bus.abort()


def post(name: str, room: str = "lobby") -> Post:
    return Post(id=name, time=1.5, by="ann", by_nick="Ann", room=room, body=f"this is {name} in {room}")


def posts(prefix: str, count: int, room: str = "lobby") -> list[Post]:
    return [post(f"{prefix}{number}", room) for number in range(count)]


async def the_first_node_begins_the_log(rig: Rig) -> None:
    one, _ = await rig.attach()
    begun = rig.genesis
    assert begun is not None and len(begun.epoch) == 16 and len(begun.key) == 64
    other, _ = await rig.attach()
    for node in (one, other):
        await node.until(lambda node=node: bool(node.got))  # type: ignore[misc]
        assert node.got == [(1, begun)]


async def all_nodes_see_one_order(rig: Rig) -> None:
    one, one_bus, other, other_bus = await rig.pair()
    rooms = ("lobby", "garden", "Ähre & Öl", "@ann,~bob", "a.b>*")
    for room in rooms:
        for mine, theirs in zip(posts(f"{room}/one", 12, room), posts(f"{room}/other", 12, room), strict=True):
            one_bus.propose(mine)
            other_bus.propose(theirs)
    for node in (one, other):
        await node.until(lambda node=node: len(node.ids()) == 24 * len(rooms))  # type: ignore[misc]
    assert one.got == other.got
    assert [position for position, _ in one.got] == list(range(1, len(one.got) + 1))
    for room in rooms:
        for prefix in (f"{room}/one", f"{room}/other"):
            of_one_node = [name for name in one.ids(room) if name.startswith(prefix)]
            assert of_one_node == [f"{prefix}{number}" for number in range(12)]
    assert one.failures == other.failures == []


async def the_same_entry_counts_once(rig: Rig) -> None:
    one, one_bus, other, other_bus = await rig.pair()
    for _ in range(3):
        one_bus.propose(post("same"))
        other_bus.propose(post("same"))
    one_bus.propose(post("last of one"))
    other_bus.propose(post("last of other"))
    for node in (one, other):
        await node.has("last of one", "last of other")
        assert node.ids().count("same") == 1


async def who_comes_late_gets_everything(rig: Rig) -> None:
    one, one_bus = await rig.attach()
    names = [entry.id for entry in posts("early", 30)]
    for entry in posts("early", 30):
        one_bus.propose(entry)
    await one.has(*names)
    late, _ = await rig.attach()
    await late.has(*names)
    assert late.got == one.got
    back, _ = await rig.attach(None, 11, rig.genesis)
    one_bus.propose(post("news"))
    await back.has("news")
    await one.has("news")
    assert back.got == one.got[11:]


async def what_could_not_be_stored_comes_again(rig: Rig) -> None:
    one, one_bus, other, _ = await rig.pair()
    await one.until(lambda: bool(one.got))
    await other.until(lambda: bool(other.got))
    other.refusals = 2
    for entry in posts("p", 3):
        one_bus.propose(entry)
    await other.has("p0", "p1", "p2")
    await one.has("p0", "p1", "p2")
    assert other.got == one.got
    tried = [ids for ids in other.given if "p0" in ids]
    assert len(tried) == 3 and all(ids[0] == "p0" for ids in tried)


async def people_of_other_nodes_come_and_go(rig: Rig) -> None:
    one, one_bus = await rig.attach()
    one_bus.came("", ANN)
    one_bus.came("lobby", ANN)
    other, other_bus = await rig.attach()
    await other.until(lambda: other.here() == [("", "ann"), ("lobby", "ann")])
    other_bus.came("lobby", BOB)
    await one.until(lambda: one.here() == [("lobby", "bob")])
    one_bus.went("lobby", ANN)
    one_bus.came("garden", ANN)
    await other.until(lambda: other.here() == [("", "ann"), ("garden", "ann")])
    third, _ = await rig.attach()
    await third.until(lambda: third.here() == [("", "ann"), ("garden", "ann"), ("lobby", "bob")])
    assert one.gone == other.gone == third.gone == []


async def people_go_with_a_node_that_ends(rig: Rig) -> None:
    await _people_go(rig, lambda bus: bus.stop())


async def people_go_with_a_node_that_is_killed(rig: Rig) -> None:
    await _people_go(rig, lambda bus: bus.abort())


async def _people_go(rig: Rig, end: Callable[[EndingBus], Awaitable[None]]) -> None:
    one, _ = await rig.attach()
    other, other_bus = await rig.attach()
    other_bus.came("lobby", BOB)
    await one.until(lambda: one.here() == [("lobby", "bob")])
    await end(other_bus)
    await one.until(lambda: one.here() == [])
    assert len(one.gone) == 1 and other.here() == []


async def what_is_passed_on_reaches_the_others(rig: Rig) -> None:
    one, one_bus, other, other_bus = await rig.pair()
    third, _ = await rig.attach()
    # Nothing is kept: whoever is there by now is told.
    one_bus.came("", ANN)
    for node in (other, third):
        await node.until(lambda node=node: node.here() == [("", "ann")])  # type: ignore[misc]
    one_bus.pass_on(b"typing 1")
    one_bus.pass_on(b"typing 2")
    for node in (other, third):
        await node.until(lambda node=node: node.passed == [b"typing 1", b"typing 2"])  # type: ignore[misc]
    other_bus.pass_on(b"back")
    await one.until(lambda: one.passed == [b"back"])


async def a_store_of_another_chat_is_refused(rig: Rig) -> None:
    foreign = Genesis(id="g", time=1.0, epoch="0123456789abcdef", key="00" * 32)
    with pytest.raises(ChatError, match="empty, but this store has a chat in it"):
        await rig.attach(None, 0, foreign)
    await rig.attach()
    with pytest.raises(ChatError, match="the store belongs to the chat 0123456789abcdef"):
        await rig.attach(None, 0, foreign)
    with pytest.raises(ChatError, match="ends at entry 1, and this node has applied 7"):
        await rig.attach(None, 7, rig.genesis)


async def what_was_proposed_before_the_end_is_in_the_log(rig: Rig) -> None:
    one, _ = await rig.attach()
    _, other_bus = await rig.attach()
    for entry in posts("last", 5):
        other_bus.propose(entry)
    await other_bus.stop()
    await other_bus.stop()
    await one.has("last0", "last1", "last2", "last3", "last4")


async def nothing_is_taken_behind_the_end(rig: Rig) -> None:
    one, one_bus = await rig.attach()
    await one_bus.stop()
    one_bus.propose(post("late"))
    await one.until(lambda: one.failures == [("late", "this node is stopping", False)])


Rule = Callable[[Rig], Awaitable[None]]
RULES: list[Rule] = [
    the_first_node_begins_the_log,
    all_nodes_see_one_order,
    the_same_entry_counts_once,
    who_comes_late_gets_everything,
    what_could_not_be_stored_comes_again,
    people_of_other_nodes_come_and_go,
    people_go_with_a_node_that_ends,
    people_go_with_a_node_that_is_killed,
    what_is_passed_on_reaches_the_others,
    a_store_of_another_chat_is_refused,
    what_was_proposed_before_the_end_is_in_the_log,
    nothing_is_taken_behind_the_end,
]


def name_of(rule: Any) -> str:
    """What a rule is called in the names of tests."""
    return str(rule.__name__)
