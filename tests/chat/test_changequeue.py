"""Changes wait for one reader, in order and bounded."""

from __future__ import annotations

import asyncio

import pytest

from landline.chat.changequeue import MOST_WAITING, ChangeQueue
from landline.chat.changes import Connecting, Skipped


def test_changes_come_in_order_and_end() -> None:
    async def scene() -> None:
        queue = ChangeQueue()
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        queue.put(Connecting(1))
        queue.put(Connecting(2))
        assert [await taking, await queue.take(), len(queue)] == [Connecting(1), Connecting(2), 0]
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        queue.close()
        queue.close()
        assert [await taking, await queue.take()] == [None, None]

    asyncio.run(scene())


def test_a_cancelled_reader_takes_nothing_and_two_are_a_mistake() -> None:
    async def scene() -> None:
        queue = ChangeQueue()
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks take the changes"):
            await queue.take()
        queue.put(Connecting(1))
        taking.cancel()
        await asyncio.wait([taking])
        assert await queue.take() == Connecting(1)

    asyncio.run(scene())


def test_what_nobody_takes_is_dropped_and_told() -> None:
    async def scene() -> None:
        queue = ChangeQueue()
        for number in range(2 * MOST_WAITING):
            queue.put(Connecting(number))
        first, second = await queue.take(), await queue.take()
        assert isinstance(first, Skipped) and second == Connecting(first.count)
        assert len(queue) <= MOST_WAITING and first.count + 1 + len(queue) == 2 * MOST_WAITING

    asyncio.run(scene())
