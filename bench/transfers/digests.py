"""How fast the digests are that can check a transfer, and whether two threads compute them side by side."""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from bench.report import Table

BLOCK = 1 << 20
SECONDS = 0.5
ROUNDS = 3

Digest = Callable[[bytes], object]


def digests() -> dict[str, Digest]:
    """Return the digests that are there; BLAKE3 needs the package blake3."""
    found: dict[str, Digest] = {"SHA-256": hashlib.sha256, "BLAKE2b": hashlib.blake2b}
    try:
        from blake3 import blake3
    except ImportError:
        return found
    return {"BLAKE3": lambda block: blake3(block).digest(), **found}


def rate(digest: Digest, threads: int) -> float:
    """Return how many bytes a second so many threads digest together."""
    block = os.urandom(BLOCK)
    counts = [0] * threads
    start = threading.Barrier(threads + 1)
    end = [0.0]

    def work(number: int) -> None:
        start.wait()
        while time.perf_counter() < end[0]:
            digest(block)
            counts[number] += 1

    workers = [threading.Thread(target=partial(work, number)) for number in range(threads)]
    for worker in workers:
        worker.start()
    began = time.perf_counter()
    end[0] = began + SECONDS
    start.wait()
    for worker in workers:
        worker.join()
    return sum(counts) * BLOCK / (time.perf_counter() - began)


def measure() -> dict[str, list[tuple[float, float]]]:
    """Return, for each digest and round, the bytes a second of one thread and of two together."""
    found = digests()
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, digest in found.items():
            samples[name].append((rate(digest, 1), rate(digest, 2)))
    return samples


def as_table(samples: dict[str, list[list[float]]]) -> Table:
    """Return the medians; two threads that share the GIL are together no faster than one."""
    rows = []
    for name, pairs in samples.items():
        one, two = (sorted(pair[place] for pair in pairs)[len(pairs) // 2] for place in (0, 1))
        rows.append([name, f"{one / 1e9:.2f}", f"{two / 1e9:.2f}", f"{two / one:.2f}"])
    heads = ["Digest", "one thread, GB/s", "two threads together, GB/s", "ratio"]
    return Table("Digests of blocks of 1 MiB, from Python", heads, rows)
