"""A program that writes a history, and tells on standard output what is stored, so that it can be killed.

`write FOLDER SEED` writes until somebody ends it. `fill FOLDER` fills a small disk, where a file `ballast` makes room
when it goes. `begin FOLDER` begins a history where there is no room.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from queue import SimpleQueue
from random import Random

from landline.chat.entries import Outcome
from landline.chat.history import History
from landline.errors import ChatError
from tests.chat.storecontract import GENESIS, applied, post, whole

MOST_CALLS = 40


def write(folder: Path, seed: int) -> None:
    """Write messages in calls of every size, and say of each that is stored which it is, in one line for a call."""
    random = Random(seed)
    history = History.open(folder, GENESIS)
    places: SimpleQueue[None] = SimpleQueue()
    for _ in range(MOST_CALLS):
        places.put(None)

    def stored(outcomes: list[Outcome]) -> None:
        ids = [outcome.entry.id for outcome in outcomes if not outcome.why]
        os.write(1, (" ".join(ids) + "\n").encode())
        places.put(None)

    number = seed * 1_000_000
    while True:
        places.get()
        size = random.choice((1, 1, 2, 5, 30, 300))
        rooms = random.choices(("lobby", "tea", "@ann,bob"), k=size)
        entries = [post(number + place, room, cid=f"c{number + place}") for place, room in enumerate(rooms)]
        number += size
        history.apply([(entry_number, entry) for entry_number, entry in enumerate(entries, number)], stored)


def fill(folder: Path) -> dict[str, object]:
    """Write until the disk is full, make room, and write what was refused again. What was seen."""
    history = History.open(folder / "data", GENESIS)
    number = 0
    while True:
        entries = [post(number + place, body="x" * 4000, cid=f"c{number + place}") for place in range(20)]
        outcomes = applied(history, *entries)
        if outcomes[0].why:
            break
        number += len(entries)
    seen: dict[str, object] = {
        "whys": sorted({outcome.why for outcome in outcomes}),
        "detail": outcomes[0].detail,
        "stored": number,
        "head": history.load().heads["lobby"].seq,
        "readable": len(whole(history, "lobby")["lobby"]),
    }
    (folder / "ballast").unlink()
    seen["again"] = [outcome.stored.seq - number for outcome in applied(history, *entries) if outcome.stored]
    history.close()
    history = History.open(folder / "data")
    seen["seqs"] = [one.seq for one in whole(history, "lobby")["lobby"]] == list(range(1, number + 21))
    history.close()
    return seen


def begin(folder: Path) -> dict[str, object]:
    """Begin where there is no room, and again when there is. What was seen."""
    seen: dict[str, object] = {}
    with open(folder / "rest", "wb", buffering=0) as rest:
        try:
            while rest.write(bytes(4096)):
                pass
        except OSError as error:
            seen["full"] = error.strerror
    try:
        History.open(folder / "data", GENESIS)
    except ChatError as error:
        seen["refused"] = str(error)
    (folder / "ballast").unlink()
    history = History.open(folder / "data", GENESIS)
    seen["whys"] = [outcome.why for outcome in applied(history, post(1))]
    history.close()
    return seen


if __name__ == "__main__":
    where = Path(sys.argv[2])
    match sys.argv[1]:
        case "write":
            write(where, int(sys.argv[3]))
        case "fill":
            print(json.dumps(fill(where)))
        case "begin":
            print(json.dumps(begin(where)))
