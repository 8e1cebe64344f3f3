import asyncio

import pytest

from landline.testing import run_virtual


def test_hours_pass_in_no_time_and_in_order() -> None:
    async def scenario() -> list[tuple[float, str]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[float, str]] = []

        async def sleeper(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            seen.append((loop.time(), name))

        await asyncio.gather(sleeper(7200, "b"), sleeper(3600, "a"), sleeper(90_000, "c"))
        return seen

    assert run_virtual(scenario()) == [(3600, "a"), (7200, "b"), (90_000, "c")]


@pytest.mark.landline_leaks(False)  # The task that waits for ever is what it is about.
def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(RuntimeError, match="waits for ever"):
        run_virtual(_for_ever())


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_an_error_in_a_callback_is_not_lost() -> None:
    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match="escaped into the event loop"):
        run_virtual(scenario())


def test_it_cannot_be_called_from_a_coroutine() -> None:
    async def scenario() -> None:
        with pytest.raises(RuntimeError, match="call this from a plain `def`, not a coroutine"):
            run_virtual(_for_ever())

    asyncio.run(scenario())
