"""The command: `python -m bench.transfers [digests] [--quick] [--only CASE/PEER] ...`."""

import argparse
import json
import random
import ssl
import sys
import tempfile
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench.cells import BUILD
from bench.certificates import make_certificate
from bench.ending import carry_out, say
from bench.machine import describe_machine, today, version_of
from bench.report import text_table
from bench.transfers import digests
from bench.transfers.cases import CASES, Case
from bench.transfers.measure import PLACES, Plan, measure
from bench.transfers.peers import Peer, all_peers
from bench.transfers.report import as_markdown, as_text

ROUNDS = 3
VERSIONS = {
    "OpenSSH": ["ssh", "-V"],
    "rsync": ["rsync", "--version"],
    "tar": ["tar", "--version"],
}


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options, checked."""
    parser = argparse.ArgumentParser(prog="python -m bench.transfers", description=_description())
    add = parser.add_argument
    add("what", nargs="?", choices=["all", "digests"], default="all", help="digests: measure only those")
    add("--rounds", type=int, choices=range(1, 101), metavar="N", help=f"rounds, 1 to 100 (default {ROUNDS})")
    add("--only", action="append", default=[], metavar="CASE/PEER", help="measure only this; may be repeated")
    add("--seed", type=int, help="seed of the order and of what is sent")
    add("--quick", action="store_true", help="one round with a 32nd of the bytes: to see that everything works")
    add("--landline", type=Path, metavar="PATH", help="the landline command to measure")
    add("--wormhole", type=Path, metavar="PATH", help="the wormhole command, with twist beside it")
    add("--tmpfs", type=Path, default=Path("/dev/shm"), metavar="FOLDER", help="a tmpfs with 14 GB free (/dev/shm)")
    add("--disk", type=Path, default=BUILD, metavar="FOLDER", help="a folder on a disk with 6 GB free (bench/build)")
    options = parser.parse_args(words)
    options.peers = all_peers(*(_beside(path, name) for name, path in _commands(options).items()))
    try:
        options.chosen = select(options.only, options.peers)
    except ValueError as error:
        parser.error(str(error))
    return options


def _description() -> str:
    return f"Files sent, side by side. {_names(all_peers(Path(), Path()))}"


def _names(peers: list[Peer]) -> str:
    cases, names = ", ".join(case.name for case in CASES), ", ".join(peer.name for peer in peers)
    return f"Cases: {cases}. Peers: {names}."


def _beside(path: Path | None, name: str) -> Path:
    """Return the command that was named, or the one that is installed beside our Python."""
    return path.absolute() if path else Path(sys.executable).with_name(name)


def select(patterns: list[str], peers: list[Peer]) -> list[tuple[Case, str]]:
    """Return the pairs that `CASE`, `CASE/PEER` or `*/PEER` name; every pair if none is given."""
    pairs = [(case, peer.name) for case in CASES for peer in peers if case.name in peer.cases]
    chosen = []
    for pattern in patterns:
        case, _, name = pattern.partition("/")
        found = [p for p in pairs if fnmatchcase(p[0].name, case) and fnmatchcase(p[1], name or "*")]
        if not found:
            raise ValueError(f"{pattern} names nothing to measure. {_names(peers)}")
        chosen += found
    return [pair for pair in pairs if not patterns or pair in chosen]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that is chosen and return it with what it was measured on."""
    wanted = [peer for peer in options.peers if any(peer.name == name for _, name in options.chosen)]
    left_out = {peer.name: peer.absent() for peer in wanted}
    peers = [peer for peer in wanted if not left_out[peer.name]]
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    reasons = [reason for reason in left_out.values() if reason]
    for sentence in [f"Seed {seed}.", *reasons]:
        say(sentence)
    results = {
        "date": today(),
        "machine": describe_machine(),
        "versions": versions(options),
        "seed": seed,
        "quick": options.quick,
        "rounds": options.rounds or (1 if options.quick else ROUNDS),
        "left_out": reasons,
        "labels": {peer.name: peer.label for peer in peers},
        "synced": {peer.name: peer.synced for peer in peers},
    }
    BUILD.mkdir(exist_ok=True)
    make_certificate()
    with ExitStack() as stack:
        roots = dict(zip(PLACES, (options.tmpfs, options.disk), strict=True))
        folders = {
            place: Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="landline-bench-", dir=root)))
            for place, root in roots.items()
        }
        plan = Plan(options.chosen, folders, seed, options.quick, results["rounds"])
        results["samples"] = measure(plan, peers, say) if peers else []
    results["digests"] = digests.measure()
    return results


def versions(options: argparse.Namespace) -> dict[str, str]:
    """Return the versions of everything that is measured and has one."""
    own = {name: [str(_beside(path, name)), "--version"] for name, path in _commands(options).items()}
    found = {"OpenSSL": ssl.OPENSSL_VERSION.split()[1]}
    found |= {name: version_of(command) for name, command in {**own, **VERSIONS}.items()}
    return {name: version for name, version in found.items() if version}


def _commands(options: argparse.Namespace) -> dict[str, Path | None]:
    return {"landline": options.landline, "wormhole": options.wormhole}


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the samples as JSON and the tables as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transfers.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "transfers.md").write_text(as_markdown(results))


def main(words: list[str] | None = None) -> int:
    """Run it: 0 done, 1 it could not be done, 2 usage, 130 interrupted."""
    options = parse(words)
    if options.what == "digests":
        print(text_table(digests.as_table(digests.measure())))
        return 0
    is_complete = not (options.quick or options.only)
    files = "transfers.json and transfers.md"
    return carry_out(lambda: run(options), write, as_text, is_complete=is_complete, files=files)


if __name__ == "__main__":
    sys.exit(main())
