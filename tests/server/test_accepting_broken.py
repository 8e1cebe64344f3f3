"""A listener that is shut down by a process that shares it: readable for ever, and every accept is an error.

Once, that was looked at without pause, with a whole CPU, and a stop never ended.
"""

from __future__ import annotations

import logging
import os
import socket
import time

from landline.server.accepting import LAST_BACK_OFF_SECONDS
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, Journal, call, serving, upper_service


def shared_listener() -> tuple[socket.socket, str]:
    """A listening socket, and the address of a second descriptor of it that a server may inherit."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener, f"fd://{os.dup(listener.fileno())}"


@on_both_loops
async def test_a_listener_shut_down_by_others_is_told_once_and_the_rest_goes_on(journal: Journal) -> None:
    shared, inherited = shared_listener()
    with shared:
        async with serving(upper_service(), inherited, ANY_PORT) as server:
            with call(server, 0) as before, call(server, 1) as caller:
                assert await before.ask(b"a") == b"A"
                shared.shutdown(socket.SHUT_RDWR)
                await journal.holds("cannot accept on tcp://127.0.0.1:")
                assert await before.ask(b"b") == b"B"
                assert await caller.ask(b"c") == b"C"
    assert len(journal.lines(logging.ERROR)) == 1


@on_both_loops
async def test_a_listener_shut_down_by_others_costs_no_cpu(journal: Journal) -> None:
    shared, inherited = shared_listener()
    with shared:
        async with serving(upper_service(), inherited, ANY_PORT) as server:
            shared.shutdown(socket.SHUT_RDWR)
            start, cpu = time.monotonic(), time.process_time()
            # Tries are told at DEBUG, 64 at a time; from the sixth round on they are the longest back-off apart.
            await journal.holds("a call was over before it was accepted", times=5 * 64)
            spent, passed = time.process_time() - cpu, time.monotonic() - start
            assert passed > 0.05 + 0.1 + 0.2 + 0.4 - 0.05
            assert spent < 0.5 * passed, f"{spent:.2f} s of CPU in {passed:.2f} s"
            acceptor = server._acceptors[0]
            assert acceptor._back_off == LAST_BACK_OFF_SECONDS


@on_both_loops
async def test_a_stop_ends_though_every_accept_is_an_error() -> None:
    shared, inherited = shared_listener()
    with shared:
        server = serving(upper_service(), inherited)
        await server.start()
        shared.shutdown(socket.SHUT_RDWR)
        assert str(await server.stop()).startswith("0 connections served")
