"""The command: `python -m bench [--quick] [--only CELL/SERVER] ...`."""

import argparse
import json
import random
import signal
import sys
from pathlib import Path
from typing import Any

from bench import measure, resp
from bench.cells import (
    CELLS,
    CHAT,
    IDLE,
    IDLE_CONNECTIONS,
    LANDLINE,
    REDIS,
    SERVERS,
    STARTUP,
    TRANSFERS,
    select,
)
from bench.certificates import make_certificate
from bench.chart import as_svg
from bench.chat.__main__ import main as measure_chat
from bench.compiling import compile_programs
from bench.ending import carry_out, say
from bench.machine import describe_libraries, describe_machine, today
from bench.processes import allow_descriptors
from bench.report import as_markdown, as_text
from bench.transfers.__main__ import main as measure_transfers

ROUNDS = 5
SECONDS = 1.0
WARM_UP_SECONDS = 0.3
STARTUP_RUNS = 20
QUICK_SECONDS = 0.3
QUICK_WARM_UP_SECONDS = 0.1
QUICK_IDLE_CONNECTIONS = 1000
QUICK_STARTUP_RUNS = 5


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options, checked."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=_description())
    add = parser.add_argument
    add("--rounds", type=_between(1, 100), help=f"rounds (default {ROUNDS})")
    add("--seconds", type=float, help=f"seconds a cell is measured (default {SECONDS})")
    add("--only", action="append", default=[], metavar="CELL/SERVER", help="measure only this")
    add("--seed", type=_between(0, 2**31 - 1), help="seed of the order and of the payloads")
    add("--quick", action="store_true", help="one short round: to see that everything works")
    add("--landline", type=Path, metavar="PATH", help="the landline command to measure")
    options = parser.parse_args(words)
    if options.seconds is not None and not 0.01 <= options.seconds <= 60:
        parser.error(f"--seconds is {options.seconds:g}, but must be from 0.01 to 60")
    try:
        options.chosen = select(options.only)
    except ValueError as error:
        parser.error(str(error))
    return options


def _description() -> str:
    cells = ", ".join([cell.name for cell in CELLS] + [IDLE, REDIS, STARTUP, TRANSFERS, CHAT])
    servers = ", ".join(server.name for server in SERVERS)
    return f"Landline side by side with its peers. Cells: {cells}. Servers: {servers}."


def _between(low: int, high: int) -> Any:
    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not from {low} to {high}")
        return value

    return number


def make_plan(options: argparse.Namespace) -> measure.Plan:
    """Return what to measure; --quick shortens what no other option set."""
    quick = options.quick
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    return measure.Plan(
        chosen=options.chosen,
        landline=options.landline or Path(sys.executable).with_name("landline"),
        seed=seed,
        quick=quick,
        rounds=options.rounds or (1 if quick else ROUNDS),
        seconds=options.seconds or (QUICK_SECONDS if quick else SECONDS),
        warm_up_seconds=QUICK_WARM_UP_SECONDS if quick else WARM_UP_SECONDS,
        idle_connections=QUICK_IDLE_CONNECTIONS if quick else IDLE_CONNECTIONS,
        startup_runs=QUICK_STARTUP_RUNS if quick else STARTUP_RUNS,
    )


def run(plan: measure.Plan) -> dict[str, Any]:
    """Measure everything in the plan and return it with what it was measured on."""
    compile_programs()
    make_certificate()
    descriptors = allow_descriptors()
    servers, left_out = measure.present_servers(plan)
    compares_redis = (REDIS, LANDLINE.name) in plan.chosen
    if compares_redis and resp.absent():
        left_out.append(resp.absent())
    for sentence in [f"Seed {plan.seed}.", *left_out]:
        say(sentence)
    results: dict[str, Any] = {
        "date": today(),
        "machine": describe_machine(),
        "libraries": describe_libraries(plan.landline),
        "seed": plan.seed,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "left_out": left_out,
    }
    results["samples"] = measure.measure_rates(plan, servers, say)
    results["idle"] = measure.measure_all_idle(plan, servers, descriptors, say)
    wanted = compares_redis and not resp.absent()
    results["redis"] = resp.measure_resp(plan.seed, plan.rounds, plan.quick, say) if wanted else []
    results["startup"] = measure.measure_startup(plan, servers)
    return results


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the samples as JSON, the tables as Markdown and the chart as SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "latest.md").write_text(as_markdown(results))
    (folder / "latest.svg").write_text(as_svg(results))


def main() -> int:
    """Run the benchmark: 0 done, 1 it could not be done, 2 usage, 130 interrupted."""
    options = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    parts = {(TRANSFERS, LANDLINE.name): measure_transfers, (CHAT, LANDLINE.name): measure_chat}
    code = measure_messages(options) if options.chosen - parts.keys() else 0
    for pair, measure_part in parts.items():
        if not code and pair in options.chosen:
            code = measure_part(_words_for_parts(options))
    return code


def _words_for_parts(options: argparse.Namespace) -> list[str]:
    """The options that transfers and chat have too. Without --rounds they have fewer, as each takes minutes."""
    words = ["--quick"] if options.quick else []
    for name in ("rounds", "seed", "landline"):
        value = getattr(options, name)
        words += [] if value is None else [f"--{name}", str(value)]
    return words


def measure_messages(options: argparse.Namespace) -> int:
    """Measure everything but transfers and chat, and write it; return the exit code."""
    is_complete = not options.quick and not options.only
    files = "latest.json, latest.md and latest.svg"
    return carry_out(lambda: run(make_plan(options)), write, as_text, is_complete=is_complete, files=files)


if __name__ == "__main__":
    sys.exit(main())
