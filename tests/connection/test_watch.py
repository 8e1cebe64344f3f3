import asyncio

from landline.connection.watch import Timer
from landline.testing import run_virtual


def test_a_timer_fires_for_each_key_at_its_time_and_sleeps_between() -> None:
    async def scenario() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        fired: list[tuple[str, float]] = []
        timer: Timer[str] = Timer(loop, 10.0, lambda key: fired.append((key, loop.time())))
        timer.start("a")
        await asyncio.sleep(4)
        timer.start("b")
        timer.start("c")
        timer.stop("b")
        await asyncio.sleep(3)
        timer.start("a")
        await asyncio.sleep(100)
        timer.start("d")
        await asyncio.sleep(100)
        timer.close()
        return fired

    assert run_virtual(scenario()) == [("c", 14.0), ("a", 17.0), ("d", 117.0)]


def test_a_closed_timer_does_not_fire() -> None:
    async def scenario() -> list[str]:
        fired: list[str] = []
        timer: Timer[str] = Timer(asyncio.get_running_loop(), 1.0, fired.append)
        timer.close()
        timer.start("a")
        timer.close()
        await asyncio.sleep(5)
        return fired

    assert run_virtual(scenario()) == []
