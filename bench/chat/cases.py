"""What is measured of a chat, at which size, and what Landline is to reach."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FAN_OUT = "fan-out"
SATURATION = "saturation"
IDLE = "idle-members"
HISTORY = "history"
STORM = "storm"
TEXT, JSON, WEB, NGIRCD = "landline-text", "landline-json", "landline-web", "ngircd"
LABELS = {
    TEXT: "Landline, plain text",
    JSON: "Landline, JSON lines",
    WEB: "Landline, WebSocket",
    NGIRCD: "ngircd, plain text",
}
DIALECTS = {TEXT: "text", JSON: "json", WEB: "web", NGIRCD: "irc"}
SERVERS_OF = {
    FAN_OUT: (TEXT, JSON, WEB, NGIRCD),
    SATURATION: (TEXT, JSON, WEB, NGIRCD),
    IDLE: (TEXT, WEB, NGIRCD),
    HISTORY: (JSON,),
    STORM: (JSON,),
}
BODY_BYTES = 64
"""Of a message: its stamp and letters."""
MIB = 2**20


@dataclass(frozen=True)
class Sizes:
    """How much of everything: a whole run, or one that only shows that all works."""

    members: int = 1000
    speakers: int = 100
    rate: float = 100
    """Messages a second of all speakers together."""
    seconds: float = 30
    warm_up_seconds: float = 2
    step_seconds: float = 3
    """How long each rate of a saturation is kept."""
    idle_members: int = 10_000
    idle_rooms: int = 20
    history: int = 1_000_000
    pages: int = 1000
    searches: int = 100
    storm_members: int = 1000
    storm_missed: int = 100


WHOLE = Sizes()
QUICK = Sizes(200, 20, 50, 2, 0.5, 1, 1000, 10, 20_000, 100, 20, 200, 100)


@dataclass(frozen=True)
class Plan:
    """What one run measures and how much of it. `shared` is a folder for what all rounds need."""

    pairs: list[tuple[str, str]]
    landline: Path
    seed: int
    rounds: int
    sizes: Sizes
    shared: Path


def all_pairs() -> list[tuple[str, str]]:
    """Return every case with every server it is measured with."""
    return [(case, server) for case, servers in SERVERS_OF.items() for server in servers]


def select(patterns: list[str]) -> list[tuple[str, str]]:
    """Return the pairs that `CASE`, `CASE/SERVER` or `*/SERVER` name; every pair if none is given."""
    chosen: list[tuple[str, str]] = []
    for pattern in patterns:
        case, _, server = pattern.partition("/")
        found = [p for p in all_pairs() if fnmatchcase(p[0], case) and fnmatchcase(p[1], server or "*")]
        if not found:
            raise ValueError(f"{pattern} names nothing to measure. {names()}")
        chosen += found
    return [pair for pair in all_pairs() if not patterns or pair in chosen]


def names() -> str:
    """Return the names of all cases and servers, as a sentence."""
    return f"Cases: {', '.join(SERVERS_OF)}. Servers: {', '.join(LABELS)}."
