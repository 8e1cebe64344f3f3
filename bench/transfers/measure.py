"""The measurement: in every round each case meets all its peers, in shuffled order, on tmpfs and on disk."""

import contextlib
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Failed
from bench.transfers.cases import CASES, Case, check_arrival, flush, make_room, make_source, touch_memory
from bench.transfers.peers import Peer
from bench.transfers.running import time_transfer

Say = Callable[[str], None]
Sample = dict[str, Any]
PLACES = ("tmpfs", "disk")
SPARE_PART = 1.1


@dataclass(frozen=True)
class Plan:
    """What one run measures, and where: `folders` has an empty folder for each place; sources are in the first."""

    pairs: list[tuple[Case, str]]
    folders: dict[str, Path]
    seed: int
    quick: bool
    rounds: int

    def places(self) -> list[tuple[str, Case]]:
        """Return every place with every case that is measured."""
        cases = [case for case in CASES if any(case == one for one, _ in self.pairs)]
        return [(place, case) for case in cases for place in self.folders]


def measure(plan: Plan, peers: list[Peer], say: Say) -> list[Sample]:
    """Make what is sent, run all rounds, remove everything. Raises `Failed` when there is no room."""
    shuffler = random.Random(plan.seed)
    samples = []
    with contextlib.ExitStack() as stack:
        source, sizes = stack.enter_context(_sources(plan, say))
        work = plan.folders[PLACES[0]] / "work"
        for peer in peers:
            stack.enter_context(peer.serving(work))
        for number in range(1, plan.rounds + 1):
            for place, case in plan.places():
                chosen = [peer for peer in peers if (case, peer.name) in plan.pairs]
                for peer in shuffler.sample(chosen, len(chosen)):
                    target = plan.folders[place] / "target"
                    sample = {"round": number, "cell": f"{case.name} {place}", "server": peer.name}
                    sample |= _or_failure(peer, source, target, case, plan.seed, sizes[case.name])
                    samples.append(sample)
                    say(f"round {number}/{plan.rounds}  {sample['cell']:<12} {peer.name:<17} {_brief(sample)}")
    return samples


@contextlib.contextmanager
def _sources(plan: Plan, say: Say) -> Iterator[tuple[Path, dict[str, int]]]:
    """Make what the cases send; give its folder and the bytes of each case."""
    first = plan.folders[PLACES[0]]
    source = first / "source"
    cases = list(dict.fromkeys(case for case, _ in plan.pairs))
    largest = max(case.size for case in cases)
    make_room(first, round((sum(case.size for case in cases) + largest) * SPARE_PART))
    for folder in plan.folders.values():
        make_room(folder, round(largest * SPARE_PART))
    source.mkdir()
    (first / "work").mkdir(mode=0o700)
    say("Making what is sent ...")
    sizes = {case.name: make_source(case, source, plan.seed, plan.quick) for case in cases}
    # Behind the sources, or they would take the memory that is warm and leave the cold to the first transfers.
    touch_memory(first, max(sizes.values()))
    yield source, sizes


def _or_failure(peer: Peer, source: Path, target: Path, case: Case, seed: int, size: int) -> Sample:
    """Return what one transfer took, or why it failed: one failing peer does not stop the run."""
    target.mkdir()
    try:
        with peer.ready(source, target, case) as job:
            seconds, sender, receiver = time_transfer(job.command, job.receiver, job.environment)
        check_arrival(source / case.name, target / case.name, seed)
    except (Failed, OSError) as error:
        return {"failed": str(error)}
    finally:
        shutil.rmtree(target)
        flush()
    return {
        "seconds": seconds,
        "bytes_per_second": size / seconds,
        "sender_bytes": sender,
        "receiver_bytes": receiver,
    }


def _brief(sample: Sample) -> str:
    if "failed" in sample:
        return f"failed: {sample['failed']}"
    memory = f"{sample['sender_bytes'] >> 20} + {sample['receiver_bytes'] >> 20} MiB"
    return f"{sample['seconds']:7.2f} s {sample['bytes_per_second'] / 1e6:8.0f} MB/s  {memory}"
