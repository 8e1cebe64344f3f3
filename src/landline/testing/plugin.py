"""The pytest plugin: `serve` runs services for a test, and `no_leaks` fails a test that leaves something behind.

pytest loads it by itself where Landline is installed. With `landline_leaks = true` in pytest's configuration every test
is looked at; the marker `landline_leaks(False)` leaves one out, and `landline_leaks` takes one in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from landline.testing.background import Background

_NAME = "landline_leaks"
_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting."""
    parser.addini(_NAME, "fail tests that leave tasks, threads or sockets behind", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", f"{_NAME}(on=True): look (or do not look) for tasks, threads and sockets left")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note that a test failed: what it could not clean up then is no news."""
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed  # type: ignore[attr-defined]
    return report


@pytest.fixture
def serve() -> Iterator[Background]:
    """Serve in the background: `address = serve(service, "tcp://127.0.0.1:0")`, until the test ends.

    The address may be of any kind and is any free port of 127.0.0.1 if it is left out. A test in which a handler raised
    fails; one that expects that clears `serve.failures`.
    """
    from landline.testing.background import Background

    background = Background()
    yield background
    background.stop()
    if background.failures:
        told = ", ".join(map(repr, background.failures))
        pytest.fail(f"a handler failed while the test ran: {told}; clear serve.failures if that is expected", False)


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test if it leaves running tasks, threads or open sockets behind."""
    from landline.testing.leaks import describe_task, find_leaks, snapshot, watch_creation

    cut_off: list[str] = []
    before = snapshot()
    stop_watching = watch_creation()
    with pytest.MonkeyPatch.context() as patch:
        close = asyncio.Runner.close

        def look_and_close(runner: asyncio.Runner) -> None:
            # `asyncio.run` cancels what is left without a word, so this is the last moment to see it.
            loop = getattr(runner, "_loop", None)
            cut_off.extend(map(describe_task, asyncio.all_tasks(loop)) if loop is not None else ())
            close(runner)

        patch.setattr(asyncio.Runner, "close", look_and_close)
        yield
    stop_watching()
    leaks = cut_off + find_leaks(before)
    if leaks and not request.node.stash.get(_failed, False):
        pytest.fail("the test left something behind:\n" + "\n".join(f"  {leak}" for leak in leaks), False)


@pytest.fixture(autouse=True)
def _landline_leaks(request: pytest.FixtureRequest) -> None:
    """Set `no_leaks` up before all other fixtures of the test, so that it looks when they are gone."""
    marker = request.node.get_closest_marker(_NAME)
    wanted = request.config.getini(_NAME) if marker is None else (marker.args or (True,))[0]
    if wanted or "no_leaks" in request.fixturenames:
        request.getfixturevalue("no_leaks")
