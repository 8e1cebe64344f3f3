"""The pytest plugin, in runs of pytest of its own: what must pass passes, and each kind of leak fails."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SERVICE = """
import asyncio, socket, threading
import pytest
from landline import Service, blocking, connect

upper = Service("upper")

@upper.message
def answer(message):
    if message == b"fail":
        raise ArithmeticError("cannot")
    return message.upper()
"""


@pytest.fixture(autouse=True)
def quiet(pytester: pytest.Pytester) -> None:
    # asyncio's own warnings of tasks and sockets left behind would fail a test before the plugin does.
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nfilterwarnings = ['ignore']\n")


def run(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    """Run a test module in a process of its own."""
    pytester.makepyfile(SERVICE + test)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


def test_serve_in_tests_that_block_and_tests_that_do_not(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_blocking(no_leaks, serve):
    with blocking.connect(serve(upper, "tcp://127.0.0.1:0"), timeout_seconds=5) as line:
        line.send(b"hello")
        assert line.receive() == b"HELLO"

def test_async(serve, no_leaks):
    async def talk():
        async with await connect(serve(upper)) as line:
            await line.send(b"hello")
            return await line.receive(5)
    assert asyncio.run(talk()) == b"HELLO"

def test_two_services_of_any_kind(serve, no_leaks):
    for address in (f"unix://@landline-{id(serve)}", "udp://127.0.0.1:0"):
        with blocking.connect(serve(upper, address), timeout_seconds=5) as line:
            line.send(b"hello")
            assert line.receive() == b"HELLO"
    assert serve.counts().datagrams == 1

def test_a_client_that_stays(serve):
    line = blocking.connect(serve(upper), timeout_seconds=5)
    line.send(b"half")
    line.close()

def test_not_used(serve, no_leaks):
    pass
""",
    )
    result.assert_outcomes(passed=5)


def test_a_handler_that_failed_fails_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.parametrize("expected", [False, True])
def test_handler(serve, expected):
    with blocking.connect(serve(upper), timeout_seconds=5) as line:
        line.send(b"fail")
        assert list(line) == []
    if expected:
        assert str(serve.failures[0]) == "cannot"
        serve.failures.clear()
""",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*a handler failed while the test ran: ArithmeticError('cannot'); clear serve.failures*"]
    )


def test_an_address_that_is_taken_is_an_error_of_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_taken(serve, no_leaks):
    from landline.errors import ListenError
    with pytest.raises(ListenError):
        serve(upper, serve(upper))
""",
    )
    result.assert_outcomes(passed=1)


LEAKS = {
    "task": (
        """
async def for_ever():
    await asyncio.Event().wait()

def test_leak(no_leaks):
    loop = asyncio.new_event_loop()
    test_leak.kept = loop.create_task(for_ever())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
""",
        "*the task <Task pending name='Task-*' coro=<for_ever() running at *> still runs, created at * in test_leak_0",
    ),
    "task that asyncio.run cancels": (
        """
async def for_ever():
    await asyncio.Event().wait()

async def leave():
    leave.task = asyncio.create_task(for_ever(), name="left")
    await asyncio.sleep(0)

def test_leak(no_leaks):
    asyncio.run(leave())
""",
        "*the task <Task pending name='left' coro=<for_ever() running at *> still runs, created at *.py:* in leave",
    ),
    "thread": (
        """
def test_leak(no_leaks):
    threading.Thread(target=threading.Event().wait, daemon=True, name="left").start()
""",
        "*the thread <Thread(left, started daemon *)> still runs, now at *threading.py:* in wait",
    ),
    "listener": (
        """
def test_leak(no_leaks):
    test_leak.kept = socket.create_server(("127.0.0.1", 0))
""",
        "*a socket was left open: AF_INET SOCK_STREAM, laddr ('127.0.0.1', *), no raddr",
    ),
    "connection": (
        """
def test_leak(no_leaks):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        test_leak.kept = socket.create_connection(listener.getsockname()), listener.accept()
""",
        "*a socket was left open: AF_INET SOCK_STREAM, laddr ('127.0.0.1', *), raddr ('127.0.0.1', *)",
    ),
    "client of a service": (
        """
def test_leak(serve, no_leaks):
    test_leak.kept = blocking.connect(serve(upper), timeout_seconds=5)
""",
        "*a socket was left open: AF_INET SOCK_STREAM, laddr ('127.0.0.1', *)*",
    ),
}


def test_each_kind_of_leak_fails(pytester: pytest.Pytester) -> None:
    tests = [test.replace("test_leak", f"test_leak_{number}") for number, (test, _) in enumerate(LEAKS.values())]
    result = run(pytester, "".join(tests))
    result.assert_outcomes(passed=len(LEAKS), errors=len(LEAKS))
    for _, sentence in LEAKS.values():
        result.stdout.fnmatch_lines(["the test left something behind:", sentence])


LEAK = LEAKS["listener"][0].replace("no_leaks", "")


def test_without_the_fixture_nothing_is_looked_for(pytester: pytest.Pytester) -> None:
    run(pytester, LEAK).assert_outcomes(passed=1)


def test_the_setting_looks_at_every_test(pytester: pytest.Pytester) -> None:
    run(pytester, LEAK, "-o", "landline_leaks=true").assert_outcomes(passed=1, errors=1)


def test_the_marker_takes_a_test_in_or_out(pytester: pytest.Pytester) -> None:
    taken_in = LEAK.replace("def ", "@pytest.mark.landline_leaks\ndef ")
    run(pytester, taken_in, "--strict-markers").assert_outcomes(passed=1, errors=1)
    left_out = LEAK.replace("def ", "@pytest.mark.landline_leaks(False)\ndef ")
    run(pytester, left_out, "-o", "landline_leaks=true").assert_outcomes(passed=1)


def test_a_test_that_failed_is_not_told_of_its_leaks(pytester: pytest.Pytester) -> None:
    result = run(pytester, LEAK + "    assert False\n", "-o", "landline_leaks=true")
    result.assert_outcomes(failed=1)


def test_what_is_on_its_way_out_gets_a_moment(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_slow(no_leaks):
    threading.Timer(0.1, print).start()
""",
    )
    result.assert_outcomes(passed=1)


def test_loading_the_plugin_loads_nothing_else_of_landline(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        alone="""
import sys
import landline.testing.plugin
print([name for name in sys.modules if name.startswith("landline.")])
"""
    )
    run_alone = pytester.runpython(pytester.path / "alone.py")
    loaded = "['landline._lazily', 'landline._version', 'landline.testing', 'landline.testing.plugin']"
    run_alone.stdout.fnmatch_lines([loaded])


def test_only_the_plugin_needs_pytest(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        alone="""
import sys
sys.modules["pytest"] = sys.modules["_pytest"] = None
import landline.testing
print(len([getattr(landline.testing, name) for name in landline.testing.__all__]) > 20)
"""
    )
    pytester.runpython(pytester.path / "alone.py").stdout.fnmatch_lines(["True"])
