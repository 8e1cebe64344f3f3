"""Threads for handlers that block: made on demand, used again, none left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple


class Job(NamedTuple):
    """What a thread is to do next, under which name, and the future that says it is done."""

    name: str
    work: Callable[[], None]
    done: asyncio.Future[None]


class ThreadPool:
    """At most `max_threads` threads for the handlers of one service. Its methods belong to the event loop's thread."""

    def __init__(self, name: str, max_threads: int) -> None:
        self._name = name
        self._max_threads = max_threads
        self._loop = asyncio.get_running_loop()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False
        self._emptied: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether all threads are busy and no further one may be made."""
        return len(self._busy) >= self._max_threads

    def run(self, name: str, work: Callable[[], None]) -> asyncio.Future[None]:
        """Let a thread called `name` do `work`.

        Returns a future: done when the work is, with what it raised. Raises RuntimeError if the system gives no thread.
        """
        worker = self._idle.pop() if self._idle else Worker(f"{self._name} idle", self._loop, self._finished)
        self._busy.add(worker)
        done = self._loop.create_future()
        worker.jobs.put(Job(name, work, done))
        return done

    async def close(self, seconds: float) -> int:
        """Wait at most `seconds` for work in hand and end the threads.

        Returns how many threads go on: they end when their work does, or with the process.
        """
        if self._busy:
            self._emptied = self._loop.create_future()
            await asyncio.wait([self._emptied], timeout=seconds)
        self._closed = True
        for worker in self._idle:
            worker.jobs.put(None)
        for worker in self._idle:
            # It has nothing left to do but to end, so this does not hold the event loop up.
            worker.thread.join()
        self._idle.clear()
        return len(self._busy)

    def _finished(self, worker: Worker, job: Job, error: BaseException | None) -> None:
        self._busy.discard(worker)
        if self._closed:
            worker.jobs.put(None)
        else:
            self._idle.append(worker)
        if not job.done.done():
            if error is None:
                job.done.set_result(None)
            else:
                job.done.set_exception(error)
        if not self._busy and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)


class Worker:
    """One thread, which takes its jobs from a queue of its own. None ends it.

    It is a daemon because a handler may never end, and the process must.
    """

    def __init__(
        self,
        idle_name: str,
        loop: asyncio.AbstractEventLoop,
        finished: Callable[[Worker, Job, BaseException | None], None],
    ) -> None:
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._idle_name = idle_name
        self._loop = loop
        self._finished = finished
        self.thread = threading.Thread(target=self._work, name=idle_name, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None:
            self.thread.name = job.name
            error = outcome(job.work)
            self.thread.name = self._idle_name
            try:
                self._loop.call_soon_threadsafe(self._finished, self, job, error)
            except RuntimeError:
                # The loop is closed: this is a handler that went on after the stop.
                return
            # A thread that waits for its next job must not keep alive what the last one held.
            del job, error


def outcome(work: Callable[[], None]) -> BaseException | None:
    """Do the work; return what it raised. A handler's SystemExit ends its conversation, and not the thread."""
    try:
        work()
    except BaseException as error:
        return error
    return None
