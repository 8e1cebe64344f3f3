"""The built-in services on bad lines: each lives on, its other callers notice nothing, and the reason is right."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, LandlineError, Reason
from landline.exchange import EXCHANGE
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service
from landline.testing import Faults, FaultyProxy, run_virtual, serve_in_memory
from tests.loops import on_both_loops

SERVICES = {one.service.name: one.service for one in EXCHANGE}
GREETING = {"greet": b"Welcome!", "dice": b"Welcome! Every message gets a number from 1 to 50000."}
ANSWERING = ["upper", "clock", "greet", "dice", "echo"]
LONG = b"a message that is longer than the line carries"

# What the service counts for a caller whose line does this to what it sends.
REASONS = {
    "slow": Reason.PEER_CLOSED,
    "narrow": Reason.PEER_CLOSED,
    "sliced": Reason.PEER_CLOSED,
    "stalled": Reason.MESSAGE_DEADLINE,
    "half-open": Reason.MESSAGE_DEADLINE,
    "reset": Reason.RESET,
    "limited": Reason.TRUNCATED,
}


def test_every_profile_has_its_reason() -> None:
    assert set(REASONS) == set(Faults.PROFILES)


async def greeted(line: object, name: str) -> StreamConnection:
    """The connection, once the service has said what it says to everybody."""
    assert isinstance(line, StreamConnection)
    if name in GREETING:
        assert await line.receive(10) == GREETING[name]
    return line


async def ask(line: StreamConnection, message: bytes = b"Ada") -> None:
    await line.send(message)
    assert message.lower() in (await line.receive(10)).lower()


async def hear_out(line: StreamConnection) -> None:
    """Say a long message, end, and hear what comes, whatever comes."""
    try:
        await line.send(LONG)
        line.end_sending()
        while True:
            await line.receive(10)
    except ConnectionClosed:
        pass


@on_both_loops
@pytest.mark.parametrize("profile", Faults.PROFILES)
@pytest.mark.parametrize("name", ["upper", "greet"])
async def test_a_bad_line_to_a_service(name: str, profile: str) -> None:
    service = SERVICES[name].with_options(limits=Limits(message_seconds=0.3, linger_seconds=0.1))
    server = Server([(service, "tcp://127.0.0.1:0")])
    async with server, FaultyProxy(server.listening[0].address, Faults.PROFILES[profile]) as proxy:
        steady = await greeted(await connect(server.listening[0].address), name)
        await ask(steady)
        rough = await greeted(await connect(proxy.address), name)
        talk = asyncio.create_task(hear_out(rough))
        while not server.counts().reasons:
            await ask(steady)
        assert server.counts().reasons == {REASONS[profile]: 1}
        await ask(steady)
        await steady.close()
        rough.abort()
        await talk


@pytest.mark.parametrize("name", ["echo", "greet"])
def test_a_caller_that_gets_nothing_is_cut_off(name: str) -> None:
    async def scenario() -> None:
        async with serve_in_memory(SERVICES[name]) as served:
            steady = await greeted(await served.connect(), name)
            rough = await served.connect(back=Faults.STALLED)
            feed = asyncio.create_task(rough.send_all([b"x" * 1000] * 2000))
            await asyncio.sleep(1)
            await ask(steady)
            await asyncio.sleep(SERVICES[name].limits.slow_reader_seconds)
            assert served.running.counts.reasons == {Reason.SLOW_READER: 1}
            await ask(steady)
            rough.abort()
            await asyncio.gather(feed, return_exceptions=True)

    run_virtual(scenario())


def random_faults(random: Random) -> Faults:
    """Faults of any mixture."""
    stop = random.choice(["stall_after_bytes", "half_open_after_bytes", "reset_after_bytes", "limit_bytes", "seed"])
    return Faults(
        delay_seconds=random.choice([0.0, 0.1, 5.0]),
        jitter_seconds=random.choice([0.0, 0.1]),
        bandwidth_bytes_per_second=random.choice([None, 10, 1000]),
        slice_bytes=random.choice([None, 1, 3]),
        **{stop: random.randrange(60)},
    )


async def one_bad_line(service: Service, random: Random) -> None:
    """A caller on a bad line, and one on a good line that is answered all the while."""
    async with serve_in_memory(service) as served:
        steady = await greeted(await served.connect(), service.name)
        rough, _, at_service = served.join(faults=random_faults(random), back=random_faults(random))
        talk = asyncio.create_task(hear_out(rough))
        for _ in range(5):
            await ask_if_it_answers(steady, service)
            await asyncio.sleep(random.choice([0, 0.5, 10]))
        await asyncio.gather(talk, return_exceptions=True)
        rough.abort()
        # By now every deadline has passed. Only who said nothing, or one whole message and no end, may still be there.
        await asyncio.sleep(120)
        assert at_service.reason is not None or at_service.statistics().bytes_received in (0, len(LONG) + 1)
        await ask_if_it_answers(steady, service)
        assert served.failures == []


async def ask_if_it_answers(line: StreamConnection, service: Service) -> None:
    if service.name in ANSWERING:
        await ask(line)


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("seed", range(12))
def test_faults_of_any_mixture(name: str, seed: int) -> None:
    try:
        run_virtual(one_bad_line(SERVICES[name], Random(f"{name} {seed}")))
    except LandlineError as error:
        raise AssertionError(f"{name}, seed {seed}: {error}") from error
