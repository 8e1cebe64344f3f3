"""What services do before they accept and after their last conversation."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext

import pytest

from landline.errors import ServiceError
from landline.server.engine import Listening, Server
from landline.server.lifespan import Lifespan
from landline.server.run import run
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, Journal, call, serving
from tests.sockets import sockets_open


def telling(name: str, told: list[str], fails: str = "") -> Service:
    """A service that tells when it starts and stops; two handlers of each, and one of the four may fail."""
    service = Service(name)
    service.message(lambda message: message.upper())

    def tell(what: str) -> Callable[[], None]:
        def handler() -> None:
            told.append(f"{name} {what}")
            if what == fails:
                raise ArithmeticError(what)

        return handler

    async def tell_late() -> None:
        await asyncio.sleep(0)
        tell("up 2")()

    service.startup(tell("up 1"))
    service.startup(tell_late)
    service.shutdown(tell("down 1"))
    service.shutdown(tell("down 2"))
    return service


@on_both_loops
async def test_once_for_each_service_however_many_addresses() -> None:
    told: list[str] = []
    first, second = telling("first", told), telling("second", told)
    async with Server(
        [(first, ANY_PORT), (second, ANY_PORT), (first, "udp://127.0.0.1:0"), (first.with_options("raw"), ANY_PORT)]
    ) as server:
        assert told == ["first up 1", "first up 2", "second up 1", "second up 2"]
        with call(server) as caller:
            assert await caller.ask(b"hi") == b"HI"
        assert len(told) == 4
    assert told[4:] == ["second down 2", "second down 1", "first down 2", "first down 1"]
    await server.stop()
    assert len(told) == 8


@pytest.mark.parametrize(
    ("fails", "stopped"),
    [
        ("up 1", ["first down 2", "first down 1"]),
        ("up 2", ["second down 2", "second down 1", "first down 2", "first down 1"]),
    ],
)
@on_both_loops
async def test_a_failing_start_stops_what_has_started_and_closes_everything(fails: str, stopped: list[str]) -> None:
    told: list[str] = []
    before = sockets_open()
    services = [telling("first", told), telling("second", told, fails), telling("third", told)]
    server = Server([(service, ANY_PORT) for service in services])
    with pytest.raises(ArithmeticError):
        await server.start()
    assert [line for line in told if "down" in line] == stopped
    assert not any("third" in line for line in told)
    assert sockets_open() <= before
    assert server.listening == []


@on_both_loops
async def test_what_does_not_fit_together_fails_before_anything_starts() -> None:
    """It failed after the start, left the listeners open and never stopped what had started."""
    told: list[str] = []
    wrong = Service("wrong")
    before = sockets_open()

    from tests.server.test_answering import Say

    wrong.on(Say)(lambda message: None)
    with pytest.raises(ServiceError, match="wrong routes by type"):
        await Server([(telling("first", told), ANY_PORT), (wrong, ANY_PORT)]).start()
    assert told == []
    assert sockets_open() <= before


def test_a_failing_stop_is_logged_and_the_others_run(journal: Journal) -> None:
    async def scenario() -> None:
        told: list[str] = []
        lifespan = Lifespan([telling("first", told), telling("second", told, "down 2")])
        await lifespan.start()
        await lifespan.stop()
        assert told[4:] == ["second down 2", "second down 1", "first down 2", "first down 1"]

    asyncio.run(scenario())
    assert journal.lines() == ["second: its shutdown failed"]


@on_both_loops
async def test_conversations_are_over_before_the_stop() -> None:
    told: list[str] = []
    service = telling("slow", told)
    arrived = asyncio.Event()
    go_on = asyncio.Event()

    async def answer(message: bytes) -> bytes:
        arrived.set()
        await go_on.wait()
        told.append("answered")
        return message

    service.declared.message_handler = answer
    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"hi\n")
            await arrived.wait()
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            go_on.set()
            assert await caller.rest() == b"hi\n"
            caller.close()
            await stopping
    assert told[2:] == ["answered", "slow down 2", "slow down 1"]


def test_handlers_take_no_arguments() -> None:
    def needy(argument: int) -> None:
        """Wants something."""

    service = Service("parrot")
    for declare in (service.startup, service.shutdown):
        with pytest.raises(ServiceError) as caught:
            declare(needy)
        assert str(caught.value) == (
            "test_handlers_take_no_arguments.<locals>.needy runs when parrot starts or stops, and takes no arguments"
        )


@pytest.mark.parametrize("fails", [False, True])
def test_run_until_a_signal_starts_and_stops_them_too(fails: bool) -> None:
    told: list[str] = []

    def announce(listening: list[Listening]) -> None:
        told.append("listening")
        if fails:
            raise BrokenPipeError
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(BrokenPipeError) if fails else nullcontext():
        run([(telling("first", told), ANY_PORT)], announce)
    assert told == ["first up 1", "first up 2", "listening", "first down 2", "first down 1"]
