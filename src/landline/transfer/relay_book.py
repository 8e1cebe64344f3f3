"""Who waits at which number of a relay, and whose call is on its way. Pure: clock and chance are passed in."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from landline.transfer.rates import Rates
from landline.transfer.relay_wire import ANY_NUMBER, LEAST_NUMBER, MOST_NUMBER, Code

JOINS_A_MINUTE = 40
"""Calls of one number: a transfer takes 9 (one to agree, eight for data), and one that breaks may come back thrice."""
MISSES_A_MINUTE = 20
"""Calls of numbers that nobody has, for each peer: a slip of the pen, but not a search."""
MINUTE = 60.0
MOST_WAITING_CALLS = 16
"""Calls of one number that its host has not taken yet."""
MOST_NUMBERS_A_PEER = 64

Party = TypeVar("Party")


@dataclass(slots=True, eq=False)
class Claim(Generic[Party]):
    """A number and who has it. `key` proves that a later caller is the same, `group` counts numbers of one peer."""

    number: int
    key: bytes
    group: str | None
    host: Party
    waiting: int = 0


@dataclass(slots=True, eq=False)
class Call(Generic[Party]):
    """Somebody who has called a number and waits to be taken."""

    identity: int
    claim: Claim[Party]
    caller: Party


class Book(Generic[Party]):
    """The numbers of a relay. A `Party` is whatever stands for one who called the relay.

    `draw` gives a number at random, from 1 to 99999; `max_pairs` is how many pairs may be joined or waiting at once.
    """

    def __init__(self, draw: Callable[[], int], max_pairs: int) -> None:
        self.max_pairs = max_pairs
        self.pairs = 0
        self._draw = draw
        self._claims: dict[int, Claim[Party]] = {}
        self._calls: dict[int, Call[Party]] = {}
        self._numbers: Counter[str] = Counter()
        self._joins = Rates(JOINS_A_MINUTE, MINUTE)
        self._misses = Rates(MISSES_A_MINUTE, MINUTE)
        self._last_call = 0

    def claim(
        self, number: int, key: bytes, group: str | None, host: Party
    ) -> tuple[Claim[Party], Party | None] | Code:
        """Take `number` (0: any) for `host`, whose peer is of `group` (None: one that is not counted).

        Returns the claim and whom it replaced, who had the number by the same key; or the refusal.
        """
        before = self._claims.get(number)
        if before is not None:
            return self._take_over(before, key, host)
        if group is not None and self._numbers[group] >= MOST_NUMBERS_A_PEER:
            return Code.FULL
        chosen = self._free() if number == ANY_NUMBER else number
        if chosen is None:
            return Code.FULL
        claim = self._claims[chosen] = Claim(chosen, key, group, host)
        if group is not None:
            self._numbers[group] += 1
        return claim, None

    def release(self, claim: Claim[Party], host: Party) -> list[Call[Party]]:
        """Free the number of `host`, who has left. Returns the calls that nobody will take now.

        If another has taken the number over, nothing happens.
        """
        if claim.host is not host or self._claims.get(claim.number) is not claim:
            return []
        del self._claims[claim.number]
        if claim.group is not None:
            self._numbers[claim.group] -= 1
            if not self._numbers[claim.group]:
                del self._numbers[claim.group]
        lost = self.waiting(claim)
        for call in lost:
            del self._calls[call.identity]
        return lost

    def waiting(self, claim: Claim[Party]) -> list[Call[Party]]:
        """The calls of a number that its host has not taken yet."""
        return [call for call in self._calls.values() if call.claim is claim]

    def join(self, number: int, group: str | None, caller: Party, now: float) -> Call[Party] | Code:
        """Call `number`, as a peer of `group`, at the time `now`. Returns the call, which holds a pair; or the refusal.

        Its end is told by `hang_up`.
        """
        claim = self._claims.get(number)
        if claim is None:
            known = group is None or self._misses.allow(group, now)
            return Code.NOBODY if known else Code.TOO_OFTEN
        if not self._joins.allow(number, now):
            return Code.TOO_OFTEN
        if self.pairs >= self.max_pairs or claim.waiting >= MOST_WAITING_CALLS:
            return Code.FULL
        self._last_call = self._last_call % 0xFFFFFFFF + 1
        call = self._calls[self._last_call] = Call(self._last_call, claim, caller)
        claim.waiting += 1
        self.pairs += 1
        return call

    def accept(self, number: int, identity: int, key: bytes) -> Call[Party] | Code:
        """Take a call, as the host of `number` who has its `key`. Returns the call, or the refusal."""
        claim = self._claims.get(number)
        if claim is None or not hmac.compare_digest(claim.key, key):
            return Code.WRONG_KEY
        call = self._calls.get(identity)
        if call is None or call.claim is not claim:
            return Code.GONE
        self._no_longer_waits(call)
        return call

    def hang_up(self, call: Call[Party]) -> None:
        """The call is over, taken or not: its pair is free again."""
        if self._calls.get(call.identity) is call:
            self._no_longer_waits(call)
        self.pairs -= 1

    def _no_longer_waits(self, call: Call[Party]) -> None:
        del self._calls[call.identity]
        call.claim.waiting -= 1

    def _take_over(self, before: Claim[Party], key: bytes, host: Party) -> tuple[Claim[Party], Party] | Code:
        if not hmac.compare_digest(before.key, key):
            return Code.TAKEN
        replaced, before.host = before.host, host
        return before, replaced

    def _free(self) -> int | None:
        """A number that nobody has: the one drawn, or the next one free behind it."""
        drawn = self._draw()
        span = MOST_NUMBER - LEAST_NUMBER + 1
        return next(
            (one for step in range(span) if (one := LEAST_NUMBER + (drawn - LEAST_NUMBER + step) % span)
             not in self._claims), None,
        )  # fmt: skip
