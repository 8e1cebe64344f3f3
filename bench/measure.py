"""The measurements: messages a second, memory of idle connections, start-up time."""

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.cells import (
    CELLS,
    IDLE,
    IDLE_SERVERS,
    LANDLINE,
    LOAD,
    LOAD_TLS,
    SERVERS,
    STARTUP,
    Cell,
    Server,
    server_command,
)
from bench.processes import Failed, on_core, started, two_cores

START_SECONDS = 20.0
SPARE_SECONDS = 20.0
OPEN_SECONDS = 200.0
SETTLE_SECONDS = 1.0
WARM_CONNECTIONS = 20
IDLE_MESSAGE_BYTES = 64
SPARE_DESCRIPTORS = 500
COMMAND_SECONDS = 30

Say = Callable[[str], None]
Sample = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What one run measures and for how long."""

    chosen: set[tuple[str, str]]
    landline: Path
    seed: int
    quick: bool
    rounds: int
    seconds: float
    warm_up_seconds: float
    idle_connections: int
    startup_runs: int

    def cells(self, servers: list[Server]) -> list[tuple[Cell, list[Server]]]:
        """Return the chosen cells that can be measured, each with those of the servers that are chosen for it."""
        able = [cell for cell in CELLS if cell.kind != "tls" or LOAD_TLS.exists()]
        pairs = [(cell, [server for server in servers if (cell.name, server.name) in self.chosen]) for cell in able]
        return [(cell, some) for cell, some in pairs if some]


def present_servers(plan: Plan) -> tuple[list[Server], list[str]]:
    """Return the chosen servers that can run here, and a sentence for each that cannot."""
    wanted = {server for _, server in plan.chosen}
    servers = [server for server in SERVERS if server.name in wanted]
    absent = {server: server.absent() for server in servers}
    sentences = [text for text in absent.values() if text]
    if not plan.landline.exists():
        sentences.append(f"Landline is left out: there is no command at {plan.landline}.")
        absent |= {server: "no command" for server in servers if server.own}
    if not LOAD_TLS.exists() and any(cell.startswith("tls") for cell, _ in plan.chosen):
        sentences.append("TLS is left out: the load generator needs OpenSSL's headers, which are not installed.")
    return [s for s in servers if not absent[s]], sentences


def port_of(line: str) -> int:
    """Return the port at the end of what a server printed: `40123` or `upper tcp://127.0.0.1:40123`."""
    found = re.search(r"(\d+)$", line)
    if not found:
        raise Failed(f"a server said {line!r} where a port was expected")
    return int(found[1])


def measure_rate(cell: Cell, server: Server, plan: Plan) -> Sample:
    """Start a fresh server, put the cell's traffic on it, return what the load generator counted."""
    server_core, load_core = two_cores()
    kind = server.kind or cell.kind
    command = server_command(server, kind, plan.landline)
    with started(command, server_core, server.environment) as child:
        port = port_of(child.read_line(START_SECONDS))
        with started(_rate_command(cell, kind, port, plan), load_core) as load:
            result = load.read_json(plan.warm_up_seconds + plan.seconds + SPARE_SECONDS)
    if not result["messages_per_second"]:
        raise Failed(f"{server.label} answered nothing in {plan.seconds:g} s")
    return result


def _rate_command(cell: Cell, kind: str, port: int, plan: Plan) -> list[str]:
    sizes = "mixed" if cell.mixed else "equal"
    shape = [port, kind, cell.connections, cell.in_flight, cell.size, sizes, plan.seed]
    times = [round(plan.warm_up_seconds * 1000), round(plan.seconds * 1000)]
    return [str(LOAD_TLS if kind == "tls" else LOAD), "rate", *(str(word) for word in [*shape, *times])]


def measure_rates(plan: Plan, servers: list[Server], say: Say) -> list[Sample]:
    """Run every round: within a round each cell meets its servers one after another, in shuffled order."""
    shuffler = random.Random(plan.seed)
    samples = []
    for number in range(1, plan.rounds + 1):
        for cell, some in plan.cells(servers):
            for server in shuffler.sample(some, len(some)):
                sample = {"round": number, "cell": cell.name, "server": server.name}
                sample |= _or_failure(partial(measure_rate, cell, server, plan))
                samples.append(sample)
                say(f"round {number}/{plan.rounds}  {cell.name:<10} {server.name:<19} {_brief(sample)}")
    return samples


def _or_failure(action: Callable[[], Sample]) -> Sample:
    """Return what the action measured, or why it could not: one failing peer does not stop the run."""
    try:
        return action()
    except Failed as error:
        return {"failed": str(error)}


def _brief(sample: Sample) -> str:
    if "failed" in sample:
        return f"failed: {sample['failed']}"
    return f"{sample['messages_per_second']:>12,.0f} messages/s".replace(",", " ")


def measure_idle(server: Server, plan: Plan, descriptors: int) -> Sample:
    """Hold idle connections to one server process; return its memory before, with them, and for each."""
    server_core, load_core = two_cores()
    count = min(plan.idle_connections, descriptors - SPARE_DESCRIPTORS)
    with started(server_command(server, "length", plan.landline), server_core) as child:
        port = port_of(child.read_line(START_SECONDS))
        with started(_idle_command(port, WARM_CONNECTIONS, plan), load_core) as load:
            load.read_json(OPEN_SECONDS)
        time.sleep(SETTLE_SECONDS)
        before = child.resident_bytes()
        with started(_idle_command(port, count, plan), load_core) as load:
            load.read_json(OPEN_SECONDS)
            time.sleep(SETTLE_SECONDS)
            after = child.resident_bytes()
            load.tell(b"end")
            still_open = load.read_json(OPEN_SECONDS)["still_open"]
    if still_open != count:
        raise Failed(f"{server.label} kept only {still_open} of {count} idle connections open")
    return {
        "connections": count,
        "resident_bytes_before": before,
        "resident_bytes_with": after,
        "bytes_each": (after - before) / count,
    }


def _idle_command(port: int, connections: int, plan: Plan) -> list[str]:
    words = ["idle", port, "length", connections, IDLE_MESSAGE_BYTES, plan.seed]
    return [str(LOAD), *(str(word) for word in words)]


def measure_all_idle(plan: Plan, servers: list[Server], descriptors: int, say: Say) -> dict[str, Sample]:
    """Measure the idle connections of the chosen servers, one after another."""
    results = {}
    for server in IDLE_SERVERS:
        if server in servers and (IDLE, server.name) in plan.chosen:
            result = _or_failure(partial(measure_idle, server, plan, descriptors))
            results[server.name] = result
            brief = result.get("failed") or f"{result['bytes_each']:>12,.0f} bytes each"
            say(f"idle       {server.name:<19} {brief}".replace(",", " "))
    return results


def measure_startup(plan: Plan, servers: list[Server]) -> Sample:
    """Return every start-up time in milliseconds, or nothing when it is not chosen."""
    if LANDLINE not in servers or (STARTUP, LANDLINE.name) not in plan.chosen:
        return {}
    return _or_failure(partial(_startup_times, plan))


def _startup_times(plan: Plan) -> Sample:
    """Run `landline --version` and an empty Python program in turn, once unmeasured so that files are cached."""
    commands = {
        "landline": [str(plan.landline), "--version"],
        "python": [sys.executable, "-c", "pass"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with on_core(two_cores()[0]):
        for number in range(plan.startup_runs + 1):
            for name, command in commands.items():
                milliseconds = _milliseconds(command)
                if number:
                    times[name].append(milliseconds)
    return {f"{name}_ms": values for name, values in times.items()}


def _milliseconds(command: list[str]) -> float:
    """Run a command to its end; return how long it took in milliseconds."""
    name = " ".join([Path(command[0]).name, *command[1:]])
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{name} cannot be timed: {type(error).__name__}") from error
    seconds = time.perf_counter() - start
    if done.returncode:
        raise Failed(f"{name} cannot be timed: it ended with {done.returncode}")
    return round(seconds * 1000, 3)
