"""What was said before: pages and searches of a long history, and clients that come back for what they missed."""

import contextlib
import random
import shutil
from pathlib import Path
from typing import Any

import msgspec

from bench.cells import BUILD
from bench.chat import peers
from bench.chat.cases import BODY_BYTES, Plan
from bench.chat.seeding import ARCHIVE, COMMON, PAIR, RARE, seed_history
from bench.processes import started, two_cores

CROWD = BUILD / "crowd"
PAGE = 50
ASK_SECONDS = 120.0
STORM_SECONDS = 100.0

Sample = dict[str, Any]


def measure_history(server: str, plan: Plan, folder: Path) -> Sample:
    """Pages at random places of a room with a long history, and searches for rare and common words."""
    sizes, seeded = plan.sizes, plan.shared / "history"
    if not seeded.exists():
        seed_history(seeded, sizes.history, plan.seed)
    shutil.copytree(seeded, folder / "data")
    chance = random.Random(plan.seed)
    places = [chance.randint(PAGE + 1, sizes.history) for _ in range(sizes.pages)]
    pages = [{"op": "history", "room": ARCHIVE, "before": place, "limit": PAGE} for place in places]
    words = {
        "newest": [{"op": "history", "room": ARCHIVE, "limit": PAGE}] * sizes.searches,
        "rare": [_search(f"{RARE}{chance.randrange(sizes.history // 1000)}") for _ in range(sizes.searches)],
        "common": [_search(COMMON)] * sizes.searches,
        "pair": [_search(PAIR)] * sizes.searches,
    }
    found: Sample = {}
    with peers.serving(server, plan.landline, folder) as place:
        for name, requests in {"page": pages, **words}.items():
            result = _ask(place.port, requests)
            found |= {f"{name}_{figure}": result[figure] for figure in ("p50_ms", "p99_ms", "messages_each")}
        found["resident_bytes"], _ = place.memory()
    return found


def _search(words: str) -> dict[str, Any]:
    return {"op": "search", "query": words, "room": ARCHIVE, "limit": PAGE}


def _ask(port: int, requests: list[dict[str, Any]]) -> Sample:
    """Send requests one after another; return the times to their answers."""
    lines = b"".join(msgspec.json.encode(request) + b"\n" for request in requests)
    with started([str(CROWD), "ask", str(port), ARCHIVE], two_cores()[1]) as child:
        stdin = child.process.stdin
        assert stdin is not None
        stdin.write(lines)
        stdin.close()
        return child.read_json(ASK_SECONDS)


def measure_storm(server: str, plan: Plan, folder: Path) -> Sample:
    """Clients that all come back at once after a restart, each with messages it has missed."""
    sizes = plan.sizes
    with contextlib.ExitStack() as crowd:
        with peers.serving(server, plan.landline, folder) as before:
            words = ["storm", before.port, sizes.storm_members, sizes.storm_missed, BODY_BYTES]
            child = crowd.enter_context(started([str(CROWD), *map(str, words)], two_cores()[1]))
            child.read_json(STORM_SECONDS)
            child.tell(b"cut")
            child.read_json(STORM_SECONDS)
        with peers.serving(server, plan.landline, folder, before.port) as after:
            child.tell(f"return {after.port}".encode())
            return child.read_json(STORM_SECONDS)
