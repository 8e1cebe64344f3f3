"""A small engine: it changes known inputs at random and keeps those that led somewhere new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

MOST_BYTES = 2048
"""Longer inputs are cut: they cost time and find nothing that a shorter one does not."""

TELLING = (b"\0", b"\x01", b"\x7f", b"\x80", b"\xff", b"\n", b"\r\n", b"\xc0", b"\xdb", b"0", b"9", b":", b",", b"-")


@dataclass(frozen=True)
class Target:
    """What is fuzzed. `run` takes any bytes and returns what came of them in a word or two; a bug raises."""

    name: str
    seeds: list[bytes]
    run: Callable[[bytes], str]


@dataclass
class Findings:
    """What one target was put through: inputs run, the different outcomes, and the failing input if there was one."""

    inputs: int = 0
    outcomes: set[str] = field(default_factory=set)
    failing: bytes | None = None
    error: BaseException | None = None


def fuzz(target: Target, random: Random, go_on: Callable[[int], bool]) -> Findings:
    """Run inputs until one fails, or `go_on`, which is given the number of inputs so far, says no."""
    findings = Findings()
    corpus = list(target.seeds)
    waiting = list(target.seeds)
    while go_on(findings.inputs):
        data = waiting.pop() if waiting else mutated(random.choice(corpus), corpus, random)
        findings.inputs += 1
        try:
            outcome = target.run(data)
        except Exception as error:
            findings.failing, findings.error = shrunk(data, target, type(error)), error
            return findings
        if outcome not in findings.outcomes:
            findings.outcomes.add(outcome)
            corpus.append(data)
    return findings


def mutated(data: bytes, corpus: list[bytes], random: Random) -> bytes:
    """One to six random changes to `data`."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        start = random.randint(0, len(data))
        stop = min(len(data), start + random.choice((0, 1, 1, 2, 4, random.randint(0, 64))))
        data = data[:start] + _piece(data[start:stop], corpus, random) + data[stop:]
    return data[:MOST_BYTES]


def _piece(old: bytes, corpus: list[bytes], random: Random) -> bytes:
    """What stands in the place of `old` from now on."""
    other = random.choice(corpus)
    start = random.randint(0, len(other))
    return random.choice(
        (
            b"",
            old * random.randint(2, 9),
            old[::-1],
            bytes(byte ^ 1 << random.randrange(8) for byte in old),
            random.choice(TELLING) * random.choice((1, 1, 2, 15, 254)),
            random.randbytes(random.randint(1, 8)),
            other[start : start + random.randint(1, 64)],
        )
    )


def shrunk(data: bytes, target: Target, kind: type[BaseException]) -> bytes:
    """A shorter input that fails with the same kind of error, found by leaving out ever smaller spans."""
    span = len(data) // 2
    while span:
        start = 0
        while start < len(data):
            shorter = data[:start] + data[start + span :]
            if _fails(shorter, target, kind):
                data = shorter
            else:
                start += span
        span //= 2
    return data


def _fails(data: bytes, target: Target, kind: type[BaseException]) -> bool:
    try:
        target.run(data)
    except kind:
        return True
    except Exception:
        return False
    return False
