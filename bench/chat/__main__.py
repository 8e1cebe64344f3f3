"""The command: `python -m bench.chat [--quick] [--only CASE/SERVER] ...`."""

import argparse
import json
import random
import sqlite3
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cells import BUILD
from bench.chat import peers
from bench.chat.cases import NGIRCD, QUICK, WHOLE, Plan, names, select
from bench.chat.measure import measure
from bench.chat.report import as_markdown, as_text
from bench.compiling import compile_programs
from bench.ending import carry_out, say
from bench.machine import describe_machine, today, version_of
from bench.processes import allow_descriptors

ROUNDS = 3


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options, checked."""
    parser = argparse.ArgumentParser(prog="python -m bench.chat", description=f"A chat beside ngircd. {names()}")
    add = parser.add_argument
    add("--rounds", type=int, choices=range(1, 101), metavar="N", help=f"rounds, 1 to 100 (default {ROUNDS})")
    add("--only", action="append", default=[], metavar="CASE/SERVER", help="measure only this; may be repeated")
    add("--seed", type=int, help="seed of the order, of who speaks when, and of the history")
    add("--quick", action="store_true", help="one small round: to see that everything works")
    add("--landline", type=Path, metavar="PATH", help="the landline command to measure")
    options = parser.parse_args(words)
    try:
        options.pairs = select(options.only)
    except ValueError as error:
        parser.error(str(error))
    return options


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that is chosen and return it with what it was measured on."""
    compile_programs()
    allow_descriptors()
    landline = (options.landline or Path(sys.executable).with_name("landline")).absolute()
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    reasons = {server: peers.absent(server, landline) for _, server in options.pairs}
    left_out = list(dict.fromkeys(reason for reason in reasons.values() if reason))
    for sentence in [f"Seed {seed}.", *left_out]:
        say(sentence)
    sizes = QUICK if options.quick else WHOLE
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    pairs = [pair for pair in options.pairs if not reasons[pair[1]]]
    results: dict[str, Any] = {
        "date": today(),
        "machine": describe_machine(),
        "versions": versions(landline),
        "seed": seed,
        "rounds": rounds,
        "sizes": asdict(sizes),
        "left_out": left_out,
    }
    with tempfile.TemporaryDirectory(prefix="chat-shared-", dir=BUILD) as shared:
        results["samples"] = measure(Plan(pairs, landline, seed, rounds, sizes, Path(shared)), say)
    return results


def versions(landline: Path) -> dict[str, str]:
    """Return the versions of what is measured."""
    found = {
        "landline": version_of([str(landline), "--version"]),
        NGIRCD: version_of([peers.NGIRCD_PATH, "--version"]),
        "SQLite": sqlite3.sqlite_version,
    }
    return {name: version for name, version in found.items() if version}


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the samples as JSON and the tables as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chat.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "chat.md").write_text(as_markdown(results))


def main(words: list[str] | None = None) -> int:
    """Run it: 0 done, 1 it could not be done, 2 usage, 130 interrupted."""
    options = parse(words)
    is_complete = not (options.quick or options.only)
    return carry_out(lambda: run(options), write, as_text, is_complete=is_complete, files="chat.json and chat.md")


if __name__ == "__main__":
    sys.exit(main())
