"""From samples to figures: medians, spreads and ratios, taken within each round."""

from dataclasses import dataclass
from statistics import median
from typing import Any

Sample = dict[str, Any]
RATE = "messages_per_second"


@dataclass(frozen=True)
class Spread:
    """The middle of some values, with the lowest and the highest."""

    median: float
    low: float
    high: float


def spread(values: list[float]) -> Spread | None:
    """Return the spread of values, or None if there are none."""
    return Spread(median(values), min(values), max(values)) if values else None


def by_round(samples: list[Sample], cell: str, server: str, figure: str = RATE) -> dict[int, float]:
    """Return one figure of a server in a cell for every round in which it was measured."""
    return {
        sample["round"]: sample[figure]
        for sample in samples
        if sample["cell"] == cell and sample["server"] == server and figure in sample
    }


def figure_spread(samples: list[Sample], cell: str, server: str, figure: str = RATE) -> Spread | None:
    """Return the spread over rounds of one figure of a server in a cell."""
    return spread(list(by_round(samples, cell, server, figure).values()))


def ratio(samples: list[Sample], cell: str, server: str, peer: str, figure: str = RATE) -> Spread | None:
    """Return how many times the peer's figure, messages a second, the server reached, round by round."""
    own, other = by_round(samples, cell, server, figure), by_round(samples, cell, peer, figure)
    return spread([own[number] / other[number] for number in sorted(own.keys() & other.keys())])


def servers_in(samples: list[Sample], cell: str) -> list[str]:
    """Return the servers that have a figure in a cell."""
    names = [sample["server"] for sample in samples if sample["cell"] == cell and RATE in sample]
    return list(dict.fromkeys(names))


def failures(samples: list[Sample]) -> list[str]:
    """Return one sentence for every measurement that failed."""
    return [
        f"Round {sample['round']}, {sample['cell']}, {sample['server']}: {sample['failed']}."
        for sample in samples
        if "failed" in sample
    ]
