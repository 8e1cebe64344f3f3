"""What a service is made of, as rows to be shown. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from typing import Any, Literal

from landline.limits import Limits
from landline.server.findings import Machine
from landline.server.service import Service, awaits

Source = Literal["default", "service", "command", "machine"]

HANDLER_KINDS = {
    "message": "message_handler",
    "connection": "connection_handler",
    "blocking": "blocking_handler",
    "handler_class": "handler_class",
    "session": "session_factory",
}
"""Kinds of handlers, by the attribute of a Service that holds the one of that kind."""


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A limit in force: its value in `unit`, where the value comes from, and the reason for it."""

    name: str
    value: float
    unit: str
    source: Source
    reason: str


@dataclass(frozen=True, slots=True)
class HandlerRow:
    """Something that is called: what for, its name, the file and line where it stands, and what else is to be said."""

    kind: str
    name: str
    file: str
    line: int
    note: str = ""


def limit_rows(service: Service, machine: Machine, given: Collection[str]) -> list[LimitRow]:
    """Every limit of a service; `given` names those that the command line has set."""
    rows = []
    for bound in fields(Limits):
        value, reason = getattr(service.limits, bound.name), bound.metadata["reason"]
        source: Source = "default" if value == bound.default else "service"
        if bound.name in given:
            source = "command"
        if value is None:
            value, source = machine.places, "machine"
            reason = f"from the descriptor limit {machine.descriptor_limit} of this process; {reason}"
        rows.append(LimitRow(bound.name, value, bound.metadata["unit"], source, reason))
    return rows


def handler_rows(service: Service) -> list[HandlerRow]:
    """Everything of a service that is called, in the order in which it is: start, middleware, handlers, end."""
    declared = service.declared
    rows = [_row("startup", handler) for handler in declared.on_startup]
    rows += [_row("middleware", handler) for handler in service.middlewares]
    for kind, attribute in HANDLER_KINDS.items():
        handler = getattr(service, attribute, None)
        if handler is not None:
            rows.append(_row(kind, handler))
    for of, route in service.routes.by_type.items():
        needs = f"needs {', '.join(sorted(route.needs))}" if route.needs else ""
        rows.append(_row("route", route.handler, f"{of.__name__} {needs}".rstrip()))
    return rows + [_row("shutdown", handler) for handler in declared.on_shutdown]


def _row(kind: str, handler: Callable[..., Any], note: str = "") -> HandlerRow:
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    file, line = place_of(handler)
    waits = "async" if not isinstance(handler, type) and awaits(handler) else ""
    return HandlerRow(kind, name, file, line, " ".join(filter(None, (note, waits))))


def place_of(handler: Callable[..., Any]) -> tuple[str, int]:
    """The file and the line in which a handler begins, or an empty text and 0 for one written in C."""
    target = inspect.unwrap(getattr(handler, "func", handler))
    if not (inspect.isroutine(target) or isinstance(target, type)):
        target = type(target)
    try:
        file = inspect.getsourcefile(target) or ""
        return file, inspect.getsourcelines(target)[1]
    except (TypeError, OSError):
        return "", 0
