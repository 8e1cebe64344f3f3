"""The RESP example under redis-benchmark, beside redis-server: requests a second."""

import csv
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.cells import BUILD, FOLDER
from bench.processes import Failed, on_core, started, two_cores
from bench.summary import Sample

PROGRAMS = ("redis-server", "redis-benchmark")
EXAMPLE, SERVER = "kv_resp.py", "redis-server"
TESTS = ("set", "get", "ping", "incr")
REQUESTS = {1: 30_000, 16: 200_000}
"""How many requests of each kind, by how many travel at a time on each of the 50 connections."""
QUICK_PART = 10
START_SECONDS = 20.0
BENCHMARK_SECONDS = 120


def absent() -> str:
    """Return a sentence saying which program is missing, or nothing when the cell can be measured."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"RESP is left out: {' and '.join(missing)} are not installed." if missing else ""


def measure_resp(seed: int, rounds: int, quick: bool, say: Callable[[str], None]) -> list[Sample]:
    """Run every round: within a round each pipeline depth meets both servers, in shuffled order."""
    shuffler = random.Random(seed)
    samples = []
    for number in range(1, rounds + 1):
        for depth, requests in REQUESTS.items():
            for server in shuffler.sample([EXAMPLE, SERVER], 2):
                count = requests // QUICK_PART if quick else requests
                try:
                    rates = _measure(server, depth, count)
                except Failed as error:
                    samples.append({"round": number, "cell": f"-P {depth}", "server": server, "failed": str(error)})
                    say(f"round {number}/{rounds}  redis -P {depth:<4} {server:<13} failed: {error}")
                    continue
                samples += [
                    {"round": number, "cell": f"{test} -P {depth}", "server": server, "messages_per_second": rate}
                    for test, rate in rates.items()
                ]
                told = "  ".join(f"{test} {rate:,.0f}".replace(",", " ") for test, rate in rates.items())
                say(f"round {number}/{rounds}  redis -P {depth:<4} {server:<13} {told}")
    return samples


def _measure(server: str, depth: int, requests: int) -> dict[str, float]:
    """Start a fresh server; return the requests a second of each test."""
    with _serving(server) as port:
        words = ["-h", "127.0.0.1", "-p", port, "-t", ",".join(TESTS), "-n", requests, "-P", depth, "--csv"]
        with on_core(two_cores()[1]):
            try:
                done = subprocess.run(
                    ["redis-benchmark", *map(str, words)],
                    capture_output=True,
                    text=True,
                    timeout=BENCHMARK_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise Failed(f"redis-benchmark took longer than {BENCHMARK_SECONDS} s") from error
    rates = {row["test"]: float(row["rps"]) for row in csv.DictReader(done.stdout.splitlines()) if row.get("rps")}
    if done.returncode or len(rates) < len(TESTS):
        raise Failed(f"redis-benchmark ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}")
    return rates


@contextmanager
def _serving(server: str) -> Iterator[int]:
    """Run redis-server (keeping nothing on disk) or the example. Gives its port."""
    core = two_cores()[0]
    if server == EXAMPLE:
        with started([sys.executable, str(FOLDER.parent / "examples" / EXAMPLE), "tcp://127.0.0.1:0"], core) as child:
            yield int(child.read_line(START_SECONDS).rpartition(":")[2])
        return
    port = _free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(BUILD)]
    with started([SERVER, *words], core):
        _wait_for(port)
        yield port


def _free_port() -> int:
    """A port that nobody uses now: redis-server cannot choose one by itself."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_for(port: int) -> None:
    """Wait until a server accepts."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Failed(f"{SERVER} did not listen in {START_SECONDS:g} s")
