"""The race of addresses, as a table: what starts when."""

from __future__ import annotations

import socket

import pytest

from landline.transport.race import STAGGER_SECONDS, Candidate, Race, interleaved

FOUR, SIX = socket.AF_INET, socket.AF_INET6


def candidates(*names: str) -> list[Candidate]:
    """`6a` is a candidate of IPv6, `4a` one of IPv4."""
    return [Candidate(SIX if name.startswith("6") else FOUR, name) for name in names]


def names(found: list[Candidate]) -> list[str]:
    return [candidate.sockaddr for candidate in found]


@pytest.mark.parametrize(
    ("resolved", "ordered"),
    [
        ([], []),
        (["4a"], ["4a"]),
        (["4a", "4b"], ["4a", "4b"]),
        (["6a", "6b", "4a", "4b"], ["6a", "4a", "6b", "4b"]),
        (["4a", "6a", "6b"], ["4a", "6a", "6b"]),
        (["6a", "6b", "6c", "4a"], ["6a", "4a", "6b", "6c"]),
        (["4a", "4b", "6a", "4c"], ["4a", "6a", "4b", "4c"]),
    ],
)
def test_families_alternate_and_the_resolvers_first_family_stays_first(resolved: list[str], ordered: list[str]) -> None:
    assert names(interleaved(candidates(*resolved))) == ordered


def play(race: Race, events: list[tuple[float, str]]) -> list[str | None]:
    """What each event gives: `due` the name or None, `failed` nothing."""
    seen: list[str | None] = []
    for now, event in events:
        if event == "failed":
            race.failed()
        else:
            candidate = race.due(now)
            seen.append(candidate.sockaddr if candidate else None)
    return seen


@pytest.mark.parametrize(
    ("events", "started"),
    [
        ([(0.0, "due"), (0.0, "due")], ["a", None]),
        ([(0.0, "due"), (0.24, "due"), (0.25, "due")], ["a", None, "b"]),
        ([(0.0, "due"), (0.25, "due"), (0.3, "due"), (0.5, "due"), (9.0, "due")], ["a", "b", None, "c", None]),
        ([(0.0, "due"), (0.1, "failed"), (0.1, "due"), (0.1, "due")], ["a", "b", None]),
        ([(0.0, "due"), (0.1, "failed"), (0.1, "due"), (0.34, "due"), (0.35, "due")], ["a", "b", None, "c"]),
        ([(7.0, "due"), (7.0, "failed"), (7.0, "due"), (7.0, "failed"), (7.0, "due")], ["a", "b", "c"]),
        ([(0.0, "due"), (3.0, "due"), (3.0, "due")], ["a", "b", None]),
    ],
)
def test_one_starts_each_stagger_or_at_once_after_a_failure(
    events: list[tuple[float, str]], started: list[str | None]
) -> None:
    race = Race([Candidate(FOUR, name) for name in "abc"], stagger_seconds=0.25)
    assert play(race, events) == started


def test_the_next_start_is_told_while_candidates_are_left() -> None:
    race = Race(candidates("6a", "4a"))
    assert race.due(10.0) is not None
    assert race.next_start() == 10.0 + STAGGER_SECONDS
    race.failed()
    assert race.next_start() is None
    assert race.due(10.1) is not None
    assert race.next_start() is None


def test_a_race_of_nobody() -> None:
    race = Race([])
    assert race.due(0.0) is None
    assert race.next_start() is None
