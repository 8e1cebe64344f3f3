"""The pool of threads by itself."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from landline.server.threads import ThreadPool, outcome
from tests.loops import on_both_loops


def names() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("pool"))


@on_both_loops
async def test_work_is_done_under_its_name_in_a_thread_used_again() -> None:
    pool = ThreadPool("pool", 2)
    seen: list[tuple[str, int]] = []

    def note() -> None:
        seen.append((threading.current_thread().name, threading.get_ident()))

    await pool.run("pool one", note)
    await pool.run("pool two", note)
    assert [name for name, _ in seen] == ["pool one", "pool two"]
    assert seen[0][1] == seen[1][1]
    assert names() == ["pool idle"]
    assert await pool.close(1.0) == 0
    assert names() == []


@on_both_loops
async def test_it_is_full_while_all_are_busy() -> None:
    pool, gate = ThreadPool("pool", 2), threading.Event()
    works = []
    for _ in range(2):
        assert not pool.full
        works.append(pool.run("pool work", gate.wait))  # type: ignore[arg-type]
    assert pool.full
    gate.set()
    await asyncio.gather(*works)
    assert not pool.full
    assert await pool.close(1.0) == 0


@on_both_loops
async def test_what_work_raises_comes_back() -> None:
    def fail() -> None:
        raise ArithmeticError("seen")

    pool = ThreadPool("pool", 1)
    with pytest.raises(ArithmeticError, match="seen"):
        await pool.run("pool work", fail)
    await pool.run("pool work", lambda: None)
    assert await pool.close(1.0) == 0


@on_both_loops
async def test_closing_waits_for_work_and_then_no_longer() -> None:
    pool, gates = ThreadPool("pool", 2), [threading.Event(), threading.Event()]
    for gate in gates:
        pool.run("pool work", gate.wait)  # type: ignore[arg-type]
    gates[0].set()
    assert await pool.close(0.05) == 1
    (left,) = [thread for thread in threading.enumerate() if thread.name.startswith("pool")]
    gates[1].set()
    while left.is_alive():
        await asyncio.sleep(0)


@on_both_loops
async def test_an_idle_thread_keeps_nothing_alive() -> None:
    class Thing:
        def work(self) -> None: ...

    pool, thing = ThreadPool("pool", 1), Thing()
    gone = weakref.ref(thing)
    await pool.run("pool work", thing.work)
    del thing
    while gone() is not None:
        # The thread lets go a moment after it has told.
        await asyncio.sleep(0)
        gc.collect()
    assert await pool.close(1.0) == 0


def test_even_a_system_exit_is_an_outcome() -> None:
    def leave() -> None:
        raise SystemExit(3)

    assert isinstance(outcome(leave), SystemExit)
    assert outcome(lambda: None) is None
