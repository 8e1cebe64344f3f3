"""The command: `python -m fuzz [--seconds N] [--seed N] [TARGET ...]`, or `--replay FILE` for an input that failed."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random, SystemRandom
from time import monotonic

from fuzz.engine import Findings, Target, fuzz
from fuzz.targets import TARGETS

FAILURES = Path(__file__).parent / "failures"
MOST_SECONDS = 10
"""How long one input may take; they are small, so one that takes longer has found a cost that grows too fast."""


def main(arguments: list[str] | None = None, failures: Path = FAILURES) -> int:
    options = read_arguments(arguments)
    if options.replay:
        return replay(options.replay)
    chosen = options.targets or list(TARGETS)
    print(f"seed {options.seed}", flush=True)
    before = signal.signal(signal.SIGALRM, too_long)
    try:
        return run_all(chosen, options, failures)
    finally:
        signal.signal(signal.SIGALRM, before)


def run_all(chosen: list[str], options: argparse.Namespace, failures: Path) -> int:
    failed = 0
    for name in chosen:
        findings = fuzz(watched(TARGETS[name]), Random(f"{options.seed} {name}"), until(options.seconds / len(chosen)))
        print(f"{name:10} {findings.inputs:8} inputs, {len(findings.outcomes):4} outcomes", flush=True)
        failed += report(name, findings, failures)
    return 1 if failed else 0


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Throw made-up bytes at every decoder.")
    parser.add_argument("targets", metavar="TARGET", nargs="*", help=f"all of them unless named: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together (60)")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32), help="makes the same inputs again")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one input that failed before")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.targets if name not in TARGETS]:
        parser.error(f"there is no target {unknown[0]}; it is one of {', '.join(TARGETS)}")
    return options


def until(seconds: float) -> Callable[[int], bool]:
    end = monotonic() + seconds
    return lambda inputs: monotonic() < end


def watched(target: Target) -> Target:
    """The target, with an input that takes too long made a failure like any other."""

    def run(data: bytes) -> str:
        before = signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
        try:
            return target.run(data)
        finally:
            signal.setitimer(signal.ITIMER_REAL, *before)

    return Target(target.name, target.seeds, run)


def too_long(*_: object) -> None:
    raise TimeoutError(f"one input took longer than {MOST_SECONDS} s")


def report(name: str, findings: Findings, failures: Path) -> bool:
    """Keep the failing input and say how to run it again. Returns whether there was one."""
    if findings.failing is None:
        return False
    failures.mkdir(exist_ok=True)
    path = failures / f"{name}-{sha256(findings.failing).hexdigest()[:12]}"
    path.write_bytes(findings.failing)
    traceback.print_exception(findings.error)
    print(f"{name} failed; run it again with: python -m fuzz --replay {path}", file=sys.stderr)
    return True


def replay(path: Path) -> int:
    """Run one kept input; its name starts with the target's. A failure ends with its traceback."""
    name = path.name.partition("-")[0]
    if name not in TARGETS:
        print(f"{path}: the name must start with a target, such as {name}: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    print(f"{name}: {TARGETS[name].run(path.read_bytes())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
