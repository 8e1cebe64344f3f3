"""Counts of a chat as text that Prometheus reads (text exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric:
    """One metric: its name, what it is, and its values by labels."""

    def __init__(self, name: str, kind: str, about: str, values: Mapping[tuple[tuple[str, str], ...], float]) -> None:
        self.name = f"landline_chat_{name}"
        self.kind = kind
        self.about = about
        self.values = values


def single(name: str, kind: str, about: str, value: float) -> Metric:
    """A metric without labels."""
    return Metric(name, kind, about, {(): value})


def labelled(name: str, kind: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    """A metric with one label."""
    return Metric(name, kind, about, {((label, key),): value for key, value in values.items()})


def exposition(metrics: Iterable[Metric]) -> str:
    """All metrics as one text."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.about}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in sorted(metric.values.items()):
            shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
            lines.append(f"{metric.name}{f'{{{shown}}}' if shown else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
