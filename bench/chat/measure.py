"""The measurement: in every round each case meets all its servers, in shuffled order, each in a fresh process."""

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.cells import BUILD
from bench.chat import peers
from bench.chat.cases import BODY_BYTES, DIALECTS, FAN_OUT, HISTORY, IDLE, SATURATION, SERVERS_OF, STORM, Plan, Sizes
from bench.chat.past import measure_history, measure_storm
from bench.chat.peers import Place
from bench.processes import Child, Failed, started, two_cores

CROWD = BUILD / "crowd"
GATHER_SECONDS = 200.0
SPARE_SECONDS = 30.0
SETTLE_SECONDS = 1.0
WARM_MEMBERS = 20
FASTER = 1.5
NARROWINGS = 3
MOST_P99_MS = 1000.0
GOOD_P99_MS = 50.0
LEAST_PART = 0.97
MOST_RATE = 100_000
"""Messages a second at which a saturation gives up: the generator's own end."""

Sample = dict[str, Any]
Say = Callable[[str], None]


def measure(plan: Plan, say: Say) -> list[Sample]:
    """Run all rounds; return what each server did in each case."""
    shuffler = random.Random(plan.seed)
    samples = []
    for number in range(1, plan.rounds + 1):
        for case in SERVERS_OF:
            servers = [server for one, server in plan.pairs if one == case]
            for server in shuffler.sample(servers, len(servers)):
                sample = {"round": number, "cell": case, "server": server, **_or_failure(case, server, plan)}
                samples.append(sample)
                say(f"round {number}/{plan.rounds}  {case:<13} {server:<14} {_brief(sample)}")
    return samples


def _or_failure(case: str, server: str, plan: Plan) -> Sample:
    """Return what one server did, or why it could not: one failing server does not stop the run."""
    action: Callable[[str, Plan, Path], Sample] = {
        FAN_OUT: measure_fan_out,
        SATURATION: measure_saturation,
        IDLE: measure_idle,
        HISTORY: measure_history,
        STORM: measure_storm,
    }[case]
    # On the disk, and where an ngircd that gives up its rights can still read its settings.
    with tempfile.TemporaryDirectory(prefix="chat-", dir=BUILD) as folder:
        try:
            return action(server, plan, Path(folder))
        except (Failed, OSError) as error:
            return {"failed": str(error)}


@contextlib.contextmanager
def crowd(server: str, place: Place, members: int, speakers: int, rooms: int, seed: int) -> Iterator[Child]:
    """Let members into the rooms of a server; they are in when this is entered."""
    words = ["talk", place.port, DIALECTS[server], place.child.pid, members, speakers, rooms, BODY_BYTES, seed]
    with started([str(CROWD), *map(str, words)], two_cores()[1]) as child:
        child.read_json(GATHER_SECONDS)
        yield child


def talk(child: Child, rate: float, warm_up_seconds: float, seconds: float) -> Sample:
    """Have the speakers say `rate` messages a second; return what came and how late."""
    child.tell(f"talk {rate:.1f} {round(warm_up_seconds * 1000)} {round(seconds * 1000)}".encode())
    return child.read_json(warm_up_seconds + seconds + SPARE_SECONDS)


def _memory_before(server: str, plan: Plan, place: Place) -> tuple[int, int]:
    """Return the memory of a server that has had a few members before."""
    with crowd(server, place, WARM_MEMBERS, 1, 1, plan.seed):
        pass
    time.sleep(SETTLE_SECONDS)
    return place.memory()


def measure_fan_out(server: str, plan: Plan, folder: Path) -> Sample:
    """One room in which many hear what some say: how late, at what cost of CPU time and memory."""
    sizes = plan.sizes
    with peers.serving(server, plan.landline, folder) as place:
        before, _ = _memory_before(server, plan, place)
        with crowd(server, place, sizes.members, sizes.speakers, 1, plan.seed) as child:
            joined, _ = place.memory()
            result = talk(child, sizes.rate, sizes.warm_up_seconds, sizes.seconds)
            after, _ = place.memory()
    if result["lost"] or result["disordered"]:
        raise Failed(f"{result['lost']} messages were lost, {result['disordered']} members heard another order")
    busy = result["server_cpu_seconds"] / result["seconds"]
    return {
        **result,
        "server_busy": busy,
        "deliveries_per_core": result["deliveries_per_second"] / busy,
        "resident_bytes": after,
        "bytes_each": (joined - before) / sizes.members,
        "bytes_each_after": (after - before) / sizes.members,
    }


def measure_saturation(server: str, plan: Plan, folder: Path) -> Sample:
    """The same room at higher and higher rates, until messages come too late or not at all."""
    sizes = plan.sizes
    steps: list[Sample] = []
    with (
        peers.serving(server, plan.landline, folder) as place,
        crowd(server, place, sizes.members, sizes.speakers, 1, plan.seed) as child,
    ):
        try:
            _climb(child, sizes, steps)
        except Failed as error:
            # More than it can take may end connections: that is the end of this climb, too.
            steps.append({"failed": str(error), "keeps_up": False})
    kept = [step for step in steps if step["keeps_up"]]
    if not kept:
        raise Failed(steps[0].get("failed", f"does not keep up with {sizes.rate:g} messages a second"))
    best = max(kept, key=lambda step: step["deliveries_per_second"])
    good = [step["deliveries_per_second"] for step in kept if step["p99_ms"] <= GOOD_P99_MS]
    return {**best, "good_deliveries_per_second": max(good, default=0.0), "steps": steps}


def _climb(child: Child, sizes: Sizes, steps: list[Sample]) -> None:
    """Raise the rate until it is too high, then look between the last two."""
    low, high = 0.0, sizes.rate
    narrowed = 0
    while narrowed < NARROWINGS and high < MOST_RATE:
        rate = high if not narrowed else (low * high) ** 0.5
        step = talk(child, rate, sizes.warm_up_seconds / 2, sizes.step_seconds)
        step["keeps_up"] = keeps_up(step, sizes.members)
        steps.append(step)
        if step["keeps_up"]:
            low = rate
            high = high if narrowed else rate * FASTER
            narrowed += 1 if narrowed else 0
        elif not low:
            return
        else:
            high = rate
            narrowed += 1


def keeps_up(step: Sample, members: int) -> bool:
    """Whether nothing was lost, and all came while it was said, within a second."""
    expected = step["said"] * (members - 1) * LEAST_PART
    return bool(not step["lost"] and step["p99_ms"] <= MOST_P99_MS and step["deliveries"] >= expected)


def measure_idle(server: str, plan: Plan, folder: Path) -> Sample:
    """Members of many rooms who say nothing: what the server's process takes of memory."""
    sizes = plan.sizes
    with peers.serving(server, plan.landline, folder) as place:
        before, _ = _memory_before(server, plan, place)
        with crowd(server, place, sizes.idle_members, 1, sizes.idle_rooms, plan.seed) as child:
            time.sleep(SETTLE_SECONDS)
            resident, proportional = place.memory()
            child.tell(b"count")
            still_open = child.read_json(SPARE_SECONDS)["still_open"]
    if still_open != sizes.idle_members:
        raise Failed(f"only {still_open} of {sizes.idle_members} members were kept")
    return {
        "members": sizes.idle_members,
        "resident_bytes": resident,
        "proportional_bytes": proportional,
        "bytes_each": (resident - before) / sizes.idle_members,
    }


def _brief(sample: Sample) -> str:
    if "failed" in sample:
        return f"failed: {sample['failed']}"
    if "bytes_each" in sample and "p99_ms" not in sample:
        return f"{sample['resident_bytes'] / 2**20:.0f} MiB, {sample['bytes_each'] / 1024:.1f} KiB each"
    if "deliveries_per_second" in sample:
        rate = f"{sample['deliveries_per_second']:>12,.0f} deliveries/s".replace(",", " ")
        return f"{rate}  p99 {sample['p99_ms']:.1f} ms  core {sample['server_cpu_seconds'] / sample['seconds']:.0%}"
    return "  ".join(f"{name} {value:.2f}" for name, value in sample.items() if isinstance(value, float))
