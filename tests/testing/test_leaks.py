"""What counts as left behind, and what it is called."""

from __future__ import annotations

import asyncio
import re
import socket
import threading

import pytest

from landline.testing.leaks import describe_socket, find_leaks, open_sockets, running_tasks, snapshot, watch_creation


def test_nothing_left_is_found_at_once() -> None:
    before = snapshot()
    with socket.socket():
        pass
    assert find_leaks(before, grace_seconds=3600) == []


def test_what_goes_in_time_is_no_leak() -> None:
    before = snapshot()
    release = threading.Event()
    threading.Thread(target=release.wait).start()
    threading.Timer(0.05, release.set).start()
    assert find_leaks(before, grace_seconds=30) == []


def test_a_socket_of_every_family_is_named() -> None:
    before = snapshot()
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_UNIX) as unix:
        udp.bind(("127.0.0.1", 0))
        assert sorted(find_leaks(before, grace_seconds=0)) == [
            f"a socket was left open: AF_INET SOCK_DGRAM, laddr ('127.0.0.1', {udp.getsockname()[1]}), no raddr",
            "a socket was left open: AF_UNIX SOCK_STREAM, laddr '', no raddr",
        ]
        assert len(open_sockets()) >= 2
        assert unix.fileno() in open_sockets().values()


def test_a_socket_in_a_circle_of_garbage_is_no_leak() -> None:
    before = snapshot()
    circle: list[object] = [socket.create_server(("127.0.0.1", 0))]
    circle.append(circle)
    del circle
    with pytest.warns(ResourceWarning):
        assert find_leaks(before) == []


def test_a_descriptor_that_is_gone_meanwhile_is_named_by_number() -> None:
    with socket.socket() as sock:
        number = sock.fileno()
    assert describe_socket(number) == f"a socket was left open: descriptor {number} (Bad file descriptor)"


def test_a_task_is_named_with_the_place_where_it_was_created() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    before = snapshot()
    stop = watch_creation()
    loop = asyncio.new_event_loop()
    task = loop.create_task(wait())
    stop()
    assert task in running_tasks()
    leaks = find_leaks(before, grace_seconds=0)
    (told,) = (leak for leak in leaks if leak.startswith("the task"))
    assert re.search(rf"{re.escape(__file__)}:(\d+) in test_a_task_is_named", told)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert find_leaks(before) == []
