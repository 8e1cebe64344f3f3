"""A soak: `python -m bench.soak [--seconds 300] [--seed N]`. Every kind of handler and client on a bad network.

At the end, and every 30 s, it lets the line fall silent and counts what is left: tasks, threads, descriptors, memory.
"""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression

from bench.soak_clients import Tally, call, call_by_datagram, random_faults
from bench.soak_services import PROVOKED, Subject, datagrams, subjects
from landline import Server, ServerTls
from landline.server.report import Counts
from landline.server.run import new_event_loop
from landline.testing import FaultyProxy
from landline.testing.leaks import running_tasks
from landline.transport.newcertificates import new_pair

CHECK_SECONDS = 30.0
SETTLE_SECONDS = 15.0
CALLERS_A_PROXY = 4
WAVES_AT_ONCE = 4
CALLER_THREADS = 48
MOST_GROWTH_BYTES = 2 * 1024 * 1024
MOST_OBJECTS_PART = 0.02
LEAST_SAMPLES = 4
ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1"}
"""Without it each of some 80 threads fills a cache of freed blocks for minutes, which grows and is no leak."""


@dataclass(frozen=True)
class Sample:
    """What the process held at a moment of silence."""

    seconds: float
    tasks: int
    threads: int
    descriptors: int
    resident_bytes: int
    objects: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:6.0f} s  tasks {self.tasks}  threads {self.threads}  descriptors {self.descriptors}  "
            f"memory {self.resident_bytes / 2**20:.1f} MiB  objects {self.objects}"
        )


class Ear(logging.Handler):
    """Keeps every error in the log that the soak did not provoke, and counts those it did."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.provoked = 0
        self.others: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line of the log."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and str(error) == PROVOKED:
            self.provoked += 1
        elif error is not None or record.levelno >= logging.ERROR:
            self.others.append(f"{record.name}: {record.getMessage()} {error!r}")


@dataclass
class Soak:
    """One run: what is served, who calls, what was found."""

    seed: int
    subjects: Sequence[Subject]
    server: Server
    tally: Tally = field(default_factory=Tally)
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    waves: int = 0

    async def run(self, seconds: float, threads: Executor) -> None:
        """Send wave after wave of callers, and look at what is left each time the line falls silent."""
        start = time.monotonic()
        next_look = start
        while time.monotonic() - start < seconds:
            async with asyncio.TaskGroup() as waves:
                for _ in range(WAVES_AT_ONCE):
                    waves.create_task(self._wave(threads))
            if time.monotonic() >= next_look:
                await self._look(time.monotonic() - start)
                next_look = time.monotonic() + CHECK_SECONDS
        await self._look(time.monotonic() - start)

    async def _wave(self, threads: Executor) -> None:
        self.waves += 1
        chance = random.Random(f"{self.seed} {self.waves}")
        addresses = {one.service.name: str(one.address) for one in self.server.listening}
        async with contextlib.AsyncExitStack() as proxies, asyncio.TaskGroup() as callers:
            for subject in self.subjects:
                faults = [random_faults(chance) for _ in range(2)]
                target = addresses[subject.service.name].replace("tls://", "tcp://").partition("?")[0]
                proxy = await proxies.enter_async_context(FaultyProxy(target, *faults))
                for _ in range(CALLERS_A_PROXY):
                    own = random.Random(chance.random())
                    callers.create_task(call(subject, str(proxy.address), own, self.tally, threads))
            callers.create_task(call_by_datagram(addresses[datagrams.name], chance, self.tally))

    async def _look(self, seconds: float) -> None:
        """Wait until the server has ended every connection, then count."""
        deadline = time.monotonic() + SETTLE_SECONDS
        base = self.samples[0] if self.samples else None
        while time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            if self._all_told() and (base is None or not _more(base, take_sample(seconds))):
                break
        sample = take_sample(seconds)
        self.samples.append(sample)
        print(sample, flush=True)
        if not self._all_told():
            self.problems.append(f"after {seconds:.0f} s not every connection was counted: {self.server.counts()}")
        if base is not None and (more := _more(base, sample)):
            self.problems.append(f"after {seconds:.0f} s there are more {more} than at the start")

    def _all_told(self) -> bool:
        """Whether every connection that came has ended with a reason."""
        counts: Counts = self.server.counts()
        return counts.reasons.total() - refused_early(counts) == counts.connections


def refused_early(counts: Counts) -> int:
    """Those who have a reason and were never a connection: no place was left, or the handshake failed."""
    return counts.refused + sum(number for reason, number in counts.reasons.items() if reason == "handshake")


def take_sample(seconds: float) -> Sample:
    """Count what this process holds now."""
    gc.collect()
    # What was freed and only not given back yet, in up to eight heaps for each core (mallopt(3)), is not held.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    descriptors = len(os.listdir("/proc/self/fd"))
    return Sample(seconds, len(running_tasks()), threading.active_count(), descriptors, resident, len(gc.get_objects()))


def _more(base: Sample, now: Sample) -> str:
    """What there is more of now, or nothing. Threads of handlers stay for their next work, up to max_threads."""
    pairs = {"tasks": (base.tasks, now.tasks), "descriptors": (base.descriptors, now.descriptors)}
    return ", ".join(f"{name} ({then}, now {here})" for name, (then, here) in pairs.items() if here > then)


def memory_problems(samples: Sequence[Sample]) -> list[str]:
    """What grew from the first third of the run to its end, when there was time to tell."""
    if len(samples) < LEAST_SAMPLES:
        return []
    then, now = samples[len(samples) // 3], samples[-1]
    found = []
    if now.resident_bytes - then.resident_bytes > MOST_GROWTH_BYTES:
        found.append(f"memory grew by {(now.resident_bytes - then.resident_bytes) / 2**20:.1f} MiB")
    if now.objects > then.objects * (1 + MOST_OBJECTS_PART):
        found.append(f"objects grew from {then.objects} to {now.objects}")
    return found


def slope_words(samples: Sequence[Sample]) -> str:
    """How memory went from the first third on, as the slope of a line through the samples."""
    rest = samples[len(samples) // 3 :]
    if len(rest) < 2:
        return "too short to tell a slope of memory"
    slope = linear_regression([one.seconds for one in rest], [one.resident_bytes for one in rest]).slope
    return f"memory {slope * 60 / 1024:+.1f} KiB a minute"


async def soak(seed: int, seconds: float, tls: ServerTls) -> list[str]:
    """Run it all; print what happened. Returns what is wrong."""
    ear = Ear()
    logging.getLogger().addHandler(ear)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: ear.others.append(str(context)))
    sys.unraisablehook = lambda told: ear.others.append(f"unraisable: {told.exc_value!r} in {told.object!r}")
    all_subjects = subjects(tls)
    bindings = [(one.service, "tcp://127.0.0.1:0") for one in all_subjects]
    before = threading.active_count(), len(running_tasks())
    server = Server([*bindings, (datagrams, "udp://127.0.0.1:0")])
    with ThreadPoolExecutor(CALLER_THREADS) as threads:
        async with server:
            run = Soak(seed, all_subjects, server)
            await run.run(seconds, threads)
    await asyncio.get_running_loop().shutdown_default_executor()
    left = threading.active_count(), len(running_tasks())
    problems = [*run.problems, *run.tally.wrong, *ear.others, *memory_problems(run.samples)]
    if left != before:
        problems.append(f"threads and tasks were {before} before the server and {left} behind it")
    print(f"{run.waves} waves, {run.tally.answers} right answers, {ear.provoked} handlers failed as provoked")
    print(f"server: {server.counts()}")
    print(f"callers: {', '.join(f'{end} {number}' for end, number in sorted(run.tally.ends.items()))}")
    print(slope_words(run.samples))
    return problems


def main() -> int:
    """Run the soak: 0 nothing is wrong, 1 something is."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Hours of bad network in minutes.")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long (default 300)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the faults and the conversations")
    options = parser.parse_args()
    if "GLIBC_TUNABLES" not in os.environ:
        os.execve(sys.executable, [sys.executable, "-m", "bench.soak", *sys.argv[1:]], {**os.environ, **ALLOCATOR})
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    print(f"Seed {seed}.", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        pair = new_pair(["localhost"], 30)
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        tls = ServerTls(str(certificate), str(key))
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            problems = runner.run(soak(seed, options.seconds, tls))
    for problem in problems[:50]:
        print(f"WRONG: {problem}")
    print("Nothing is wrong." if not problems else f"{len(problems)} things are wrong.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
