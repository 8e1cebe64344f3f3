"""What the tests of every store share: opening one, giving it entries, asking it, and waiting for what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from landline.chat.entries import AccountMade, AnyEntry, Genesis, Outcome, Post, RoomOpened, Stored
from landline.chat.history import History
from landline.chat.ports import Found, Query, Range, SearchFor, Store
from tests.chat.memorystore import MemoryStore

WAIT_SECONDS = 30
KINDS = ["memory", "sqlite"]
GENESIS = Genesis(id="g", time=0.0, epoch="0123456789abcdef", key="ab" * 32)


MEMORY_DISK = Path("/dev/shm")
"""What a store does is the same where no disk is waited for; what it does to a disk has tests of its own."""


@contextmanager
def opened(kind: str, fresh: Genesis | None = GENESIS) -> Iterator[Store]:
    """A store of a kind, while the block lasts."""
    with TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        store: Store = MemoryStore(fresh) if kind == "memory" else History.open(Path(folder), fresh)
        with closing(store):
            yield store


def applied(store: Store, *entries: AnyEntry, position: int = 0) -> list[Outcome]:
    """Apply entries in one call, all at a position of the log, and wait for what becomes of them."""
    return applied_at(store, [(position, entry) for entry in entries])


def applied_at(store: Store, entries: Sequence[tuple[int, AnyEntry]]) -> list[Outcome]:
    """Apply entries, each at its position, and wait for what becomes of them."""
    given: SimpleQueue[list[Outcome]] = SimpleQueue()
    store.apply(entries, given.put)
    return given.get(timeout=WAIT_SECONDS)


def found(store: Store, query: Query) -> Found:
    """Ask, and wait for the answer."""
    given: SimpleQueue[Found] = SimpleQueue()
    store.read(query, given.put)
    return given.get(timeout=WAIT_SECONDS)


def post(number: int, room: str = "lobby", body: str = "", **more: object) -> Post:
    """A message that differs from all others by its number."""
    given = {"by": "ann", "by_nick": "Ann", "time": 1000.0 + number, "body": body or f"message {number}", **more}
    return Post(id=f"m{number}", room=room, **given)  # type: ignore[arg-type]


def room(name: str, owner: str | None = None) -> RoomOpened:
    """A room that is opened."""
    by = owner or ""
    return RoomOpened(id=f"room-{name}", time=1.0, by=by, by_nick=by.title(), room=name, owner=owner)


def account(name: str, skeleton: str = "", bot_of: str | None = None) -> AccountMade:
    """An account that is made."""
    return AccountMade(
        id=f"account-{name}", time=2.0, by=bot_of or name, by_nick=(bot_of or name).title(), account=name,
        nick=name.title(), skeleton=skeleton or f"~{name}", secret=f"secret of {name}", bot_of=bot_of,
    )  # fmt: skip


def whole(store: Store, *rooms: str) -> dict[str, list[Stored]]:
    """All messages of these rooms."""
    return {name: found(store, Range(name, limit=100_000)).messages for name in rooms}


def numbers(given: Found) -> list[int]:
    """Which of the messages of `post` were found."""
    return [int(one.entry.id[1:]) for one in given.messages]


def search(store: Store, query: str, rooms: tuple[str, ...] | None = None, *also: str) -> list[int]:
    """The numbers of the messages that are found, newest first."""
    given = found(store, SearchFor(query, rooms, also))
    assert not given.error, given.error
    return numbers(given)
