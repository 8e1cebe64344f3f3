"""The callers of the soak: async, blocking and reconnecting, all of them through a bad network."""

import asyncio
import random
from collections import Counter
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from bench.soak_services import Subject, text_exchange
from landline import blocking, connect
from landline.connection.backoff import Backoff
from landline.connection.reconnect_policy import Reconnect
from landline.errors import LandlineError
from landline.testing import Faults

CONNECT_SECONDS = 2.0
WAIT_SECONDS = 1.5
MOST_MESSAGES = 12
BACKOFF = Backoff(first_seconds=0.01, most_seconds=0.2, max_attempts=4)


@dataclass
class Tally:
    """What the callers saw: how often each kind of end, and what must never be."""

    ends: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, who: str, answer: Any, wanted: Any) -> None:
        """Count an answer; a wrong one is kept."""
        self.answers += 1
        if answer != wanted:
            self.wrong.append(f"{who}: {str(answer)[:80]!r} came where {str(wanted)[:80]!r} was due")


def random_faults(chance: random.Random) -> Faults:
    """One direction of a bad network."""
    kinds: list[dict[str, Any]] = [
        {},
        {},
        {"delay_seconds": chance.uniform(0, 0.1), "jitter_seconds": chance.uniform(0, 0.05)},
        {"bandwidth_bytes_per_second": chance.uniform(2_000, 200_000)},
        {"slice_bytes": chance.randint(1, 100)},
        {"stall_after_bytes": chance.randint(0, 5000)},
        {"half_open_after_bytes": chance.randint(0, 5000)},
        {"reset_after_bytes": chance.randint(0, 5000)},
        {"limit_bytes": chance.randint(0, 5000)},
    ]
    return Faults(seed=chance.randrange(2**31), **chance.choice(kinds))


async def call(subject: Subject, address: str, chance: random.Random, tally: Tally, threads: Executor) -> None:
    """Hold one conversation in one of the three ways, and count how it ended."""
    kind = chance.choice(["async", "blocking", "reconnecting"])
    exchanges = [subject.exchange(chance) for _ in range(chance.randint(1, MOST_MESSAGES))]
    who = f"{kind} {subject.service.name}"
    try:
        if kind == "blocking":
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(threads, _block, subject, address, exchanges, tally, who)
        elif kind == "async":
            await _converse(subject, address, exchanges, chance.random(), tally, who)
        else:
            await _come_back(subject, address, exchanges, tally, who)
        tally.ends[f"{kind} done"] += 1
    except LandlineError as error:
        tally.ends[f"{kind} {type(error).__name__}"] += 1


async def _converse(
    subject: Subject, address: str, exchanges: list[tuple[Any, Any]], manner: float, tally: Tally, who: str
) -> None:
    connection: Any = await connect(address, timeout_seconds=CONNECT_SECONDS, **subject.options)
    async with connection:
        if manner < 0.5:
            await asyncio.wait_for(connection.send_all([question for question, _ in exchanges]), WAIT_SECONDS * 4)
        for question, wanted in exchanges:
            if manner >= 0.5:
                await connection.send(question)
            tally.check(who, await connection.receive(WAIT_SECONDS), wanted)
        if manner < 0.1:
            connection.abort()


def _block(subject: Subject, address: str, exchanges: list[tuple[Any, Any]], tally: Tally, who: str) -> None:
    connection: Any = blocking.connect(address, timeout_seconds=WAIT_SECONDS, **subject.options)
    with connection:
        for question, wanted in exchanges:
            connection.send(question)
            tally.check(who, connection.receive(), wanted)


async def _come_back(subject: Subject, address: str, exchanges: list[tuple[Any, Any]], tally: Tally, who: str) -> None:
    policy = Reconnect(backoff=BACKOFF)
    client = await connect(address, timeout_seconds=CONNECT_SECONDS, reconnect=policy, **subject.options)
    try:
        for question, wanted in exchanges:
            tally.check(who, await client.request(question, WAIT_SECONDS), wanted)
    finally:
        await client.close()


async def call_by_datagram(address: str, chance: random.Random, tally: Tally) -> None:
    """Ask over UDP, where the network is the machine's own."""
    connection: Any = await connect(address)
    async with connection:
        for _ in range(MOST_MESSAGES):
            question, wanted = text_exchange(chance)
            await connection.send(question)
            if question == b"fail!":
                continue
            tally.check("datagram", await connection.receive(WAIT_SECONDS), wanted)
    tally.ends["datagram done"] += 1
