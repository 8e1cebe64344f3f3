"""What a test left behind: tasks that still run, threads, open sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import CoroutineType
from typing import Any

GRACE_SECONDS = 1.0
"""How long what is on its way out may take to go."""
POLL_SECONDS = 0.01
DESCRIPTORS = "/proc/self/fd"
REGISTRIES = ("_scheduled_tasks", "_all_tasks")
"""Where asyncio keeps all tasks of all loops: from Python 3.12 to 3.13, and in 3.11."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was there at a moment: tasks and threads by identity, sockets by the name that Linux gives them."""

    tasks: frozenset[asyncio.Task[Any]]
    threads: frozenset[threading.Thread]
    sockets: frozenset[str]


def snapshot() -> Snapshot:
    """Note what is there now."""
    return Snapshot(frozenset(running_tasks()), frozenset(threading.enumerate()), frozenset(open_sockets()))


def find_leaks(before: Snapshot, grace_seconds: float = GRACE_SECONDS) -> list[str]:
    """Name what was not there `before` and does not go within `grace_seconds`.

    Returns a sentence for each task, thread and socket. Sockets are found where there is /proc (Linux).
    """
    if not _what_is_new(before):
        return []
    deadline = time.monotonic() + grace_seconds
    gc.collect()
    while (leaks := _what_is_new(before)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return [describe() for describe in leaks]


def open_sockets() -> dict[str, int]:
    """The sockets this process has open now: the name that Linux gives each, and a descriptor of it."""
    found: dict[str, int] = {}
    for name in os.listdir(DESCRIPTORS) if os.path.isdir(DESCRIPTORS) else ():
        try:
            link = os.readlink(f"{DESCRIPTORS}/{name}")
        except OSError:
            continue  # the descriptor by which the folder was read
        if link.startswith("socket:"):
            found[link] = int(name)
    return found


def running_tasks() -> list[asyncio.Task[Any]]:
    """All asyncio tasks that are not done, of any event loop, running or not."""
    # `asyncio.all_tasks` wants a loop, and nothing lists the loops. To look at every object there is takes 40 ms.
    registry = next((found for name in REGISTRIES if (found := getattr(asyncio.tasks, name, None)) is not None), None)
    everything = gc.get_objects() if registry is None else list(registry)
    return [one for one in everything if issubclass(type(one), asyncio.Task) and not one.done()]


def describe_task(task: asyncio.Task[Any]) -> str:
    """Say which task was left behind and where it was created, as far as Python knows (see `watch_creation`)."""
    coroutine = task.get_coro()
    origin = coroutine.cr_origin if isinstance(coroutine, CoroutineType) else None
    where = f", created at {origin[0][0]}:{origin[0][1]} in {origin[0][2]}" if origin else ""
    return f"the task {task!r} still runs{where}"


def describe_thread(thread: threading.Thread) -> str:
    """Say which thread was left behind and what it is doing."""
    frame = sys._current_frames().get(thread.ident or 0)
    where = f", now at {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}" if frame else ""
    return f"the thread {thread!r} still runs{where}"


def describe_socket(descriptor: int) -> str:
    """Say which socket was left open: its kind, its own address (laddr) and its peer's (raddr)."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as twin:
            return f"a socket was left open: {twin.family.name} {twin.type.name}, {_addresses(twin)}"
    except OSError as error:
        return f"a socket was left open: descriptor {descriptor} ({error.strerror})"


def watch_creation() -> Callable[[], None]:
    """Let Python note where each coroutine of this thread is created. Returns a function that ends this."""
    depth = sys.get_coroutine_origin_tracking_depth()
    sys.set_coroutine_origin_tracking_depth(max(depth, 1))
    return lambda: sys.set_coroutine_origin_tracking_depth(depth)


def _what_is_new(before: Snapshot) -> list[Callable[[], str]]:
    """For each thing that was not there before, a function that describes it."""
    tasks = [lambda task=task: describe_task(task) for task in running_tasks() if task not in before.tasks]
    threads = [lambda one=one: describe_thread(one) for one in threading.enumerate() if one not in before.threads]
    sockets = [
        lambda number=number: describe_socket(number)
        for name, number in open_sockets().items()
        if name not in before.sockets
    ]
    return [*tasks, *threads, *sockets]


def _addresses(sock: socket.socket) -> str:
    try:
        peer = f", raddr {sock.getpeername()!r}"
    except OSError:
        peer = ", no raddr"
    return f"laddr {sock.getsockname()!r}{peer}"
