"""A long history: messages of some words each, as many as wanted, put into a store as its own code does."""

import random
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.processes import Failed
from landline.chat.entries import AnyEntry, Genesis, Outcome, Post, RoomOpened

ARCHIVE = "archive"
COMMON = "the"
"""In every second message."""
RARE = "rare"
"""With a number behind it: in one message of the whole history, and in those of longer numbers that begin with it."""
PAIR = "the lomu"
"""A word of every second message, and one of few."""
SYLLABLES = ("ba", "ke", "lo", "mu", "ni", "po", "ra", "si", "tu", "ve")
VOCABULARY = [one + two + three for one in SYLLABLES for two in SYLLABLES for three in ("", *SYLLABLES)]
WORDS_EACH = 11
RARE_EVERY = 1000
SPEAKERS = 50
BEGAN = 1_700_000_000.0
IN_A_CALL = 2000
APPLY_SECONDS = 60.0


def seed_history(folder: Path, count: int, seed: int) -> None:
    """Put `count` messages into a new store in `folder`. Raises Failed."""
    # Only here: the rest of the benchmark runs beside a Landline of another version, too.
    from landline.chat.history import History

    chance = random.Random(seed)
    draw = chance.randbytes
    history = History.open(folder, Genesis(id="genesis", time=BEGAN, epoch=draw(8).hex(), key=draw(32).hex()))
    try:
        entries: Iterator[AnyEntry] = iter(_posts(count, chance))
        _apply(history, [RoomOpened(id="room", time=BEGAN, room=ARCHIVE)])
        while some := list(islice(entries, IN_A_CALL)):
            _apply(history, some)
    finally:
        history.close()


def _apply(history: object, entries: list[AnyEntry]) -> None:
    """Apply entries and wait until they are on the disk."""
    landed = threading.Event()
    outcomes: list[Outcome] = []

    def done(result: list[Outcome]) -> None:
        outcomes.extend(result)
        landed.set()

    history.apply([(0, entry) for entry in entries], done)  # type: ignore[attr-defined]
    if not landed.wait(APPLY_SECONDS) or any(outcome.why for outcome in outcomes):
        raise Failed("the history could not be filled")


def _posts(count: int, chance: random.Random) -> Iterator[Post]:
    for number in range(count):
        # Few words are said often and many seldom, as people do (Zipf).
        words = [VOCABULARY[int(len(VOCABULARY) ** chance.random()) - 1] for _ in range(WORDS_EACH)]
        if number % 2:
            words[0] = COMMON
        if number % RARE_EVERY == 0:
            words[-1] = f"{RARE}{number // RARE_EVERY}"
        who = f"speaker{chance.randrange(SPEAKERS)}"
        yield Post(
            id=f"{number:x}",
            time=BEGAN + number,
            by=who,
            by_nick=who,
            room=ARCHIVE,
            body=" ".join(words),
            cid=f"{number}",
        )
