"""What is public says what it takes, what comes back and what is raised."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from enum import Enum
from types import ModuleType
from typing import Any

import msgspec
import pytest

import landline
from landline import errors
from landline.testing import MemoryTransport

PACKAGES = ["landline", "landline.chat", "landline.testing", "landline.transfer"]
TELLS_WHAT_IT_IS = {
    "A", "An", "The", "Each", "Every", "How", "Whether", "What", "Where", "Which", "Who", "Bytes", "Counts", "Seconds",
}  # fmt: skip
"""First words of a sentence that names what comes back, such as `How many …`, and needs no second sentence for it."""
GIVES_BACK = re.compile(r"\b([Rr]eturns?|[Gg]ives?)\b")
MADE_BY_US = {
    landline.StreamConnection, landline.DatagramConnection, landline.ReconnectingConnection, MemoryTransport,
    landline.blocking.BlockingConnection, landline.blocking.BlockingDatagramConnection,
}  # fmt: skip
"""Classes whose objects people get from a function, such as `connect`, and never make."""
OURS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def public_things() -> Iterator[tuple[str, Any]]:
    """Every public class and function, those of a public module too, and every public member of the classes."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            yield from things_of(f"{package}.{name}", getattr(module, name))


def things_of(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, ModuleType):
        for inner, value in vars(thing).items():
            if not inner.startswith("_") and getattr(value, "__module__", "") == thing.__name__:
                yield from things_of(f"{name}.{inner}", value)
    elif inspect.isclass(thing):
        yield name, thing
        yield from members_of(name, thing)
    elif inspect.isroutine(thing):
        yield name, thing


def members_of(name: str, kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, and those it has from other classes of ours."""
    for base in kind.__mro__:
        if base.__module__.startswith("landline"):
            for inner, value in vars(base).items():
                if not inner.startswith("_") and isinstance(value, property | staticmethod | classmethod):
                    yield f"{name}.{inner}", value.fget if isinstance(value, property) else value.__func__
                elif not inner.startswith("_") and inspect.isfunction(value):
                    yield f"{name}.{inner}", value


def documentation(thing: Any) -> str:
    """The docstring. A class has its own, and its `__init__` may say more; what a dataclass writes does not count."""
    if not inspect.isclass(thing):
        return inspect.getdoc(thing) or ""
    own = vars(thing).get("__doc__") or ""
    return "" if own.startswith(f"{thing.__name__}(") else f"{own}\n{vars(thing).get('__init__', thing).__doc__ or ''}"


def faults(thing: Any) -> Iterator[str]:
    """What the docstring of a public thing leaves out."""
    words = documentation(thing)
    if not words.strip():
        yield "has no docstring"
        return
    if missing := unnamed_parameters(thing, words):
        yield f"does not name {', '.join(missing)}"
    if not inspect.isclass(thing):
        if gives_something(thing) and words.split()[0] not in TELLS_WHAT_IT_IS and not GIVES_BACK.search(words):
            yield "does not say what comes back"
        for name in sorted(raised_by(thing)):
            if not any(re.search(rf"\b{base.__name__}\b", words) for base in OURS[name].__mro__[:-3]):
                yield f"does not say that it raises {name}"


def unnamed_parameters(thing: Any, words: str) -> list[str]:
    """Parameters that the words do not name, where there are several; fields of a record speak for themselves."""
    if dataclasses.is_dataclass(thing) or isinstance(thing, msgspec.StructMeta):
        return []
    if inspect.isclass(thing) and (thing in MADE_BY_US or issubclass(thing, Enum)):
        return []
    try:
        parameters = list(inspect.signature(thing).parameters.values())
    except ValueError:
        return []
    named = [
        one.name
        for one in parameters
        if one.name not in ("self", "cls") and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    return [name for name in named if not re.search(rf"\b{name}\b", words)] if len(named) > 1 else []


def gives_something(function: Callable[..., Any]) -> bool:
    """Whether the annotation says that something comes back. A context manager is entered, and says what it does."""
    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        return False
    return inner.__annotations__.get("return") not in (None, "None", type(None), "NoReturn")


def raised_by(function: Callable[..., Any]) -> set[str]:
    """The errors of Landline in its own raise statements."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError):
        return set()
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = [call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)]
    return OURS.keys() & set(names)


THINGS = dict(public_things())


def test_what_is_public_is_found() -> None:
    assert {
        "landline.Service", "landline.Service.message", "landline.Service.routes", "landline.blocking.connect",
        "landline.StreamConnection.end_sending", "landline.connect", "landline.testing.check_framing",
    } <= THINGS.keys()  # fmt: skip


@pytest.mark.parametrize("name", THINGS)
def test_a_public_name_is_documented(name: str) -> None:
    assert list(faults(THINGS[name])) == []


def without_words(number: int) -> int:
    return number


def without_second(first: int, second: int) -> None:
    """Take the first."""


def without_result(number: int) -> int:
    """Double it."""
    return 2 * number


def without_error(text: str) -> int:
    """The number in a text."""
    if not text:
        raise errors.LimitError("text", text, "a number")
    raise LimitError("text", text, "a number")


LimitError = errors.LimitError


class WithoutArguments:
    """Something made of two numbers."""

    def __init__(self, first: int, second: int) -> None: ...


@dataclasses.dataclass
class WithoutDocstring:
    number: int


@pytest.mark.parametrize(
    ("thing", "fault"),
    [
        (without_words, "has no docstring"),
        (without_second, "does not name second"),
        (without_result, "does not say what comes back"),
        (without_error, "does not say that it raises LimitError"),
        (WithoutArguments, "does not name first, second"),
        (WithoutDocstring, "has no docstring"),
    ],
)
def test_a_fault_is_found(thing: Any, fault: str) -> None:
    assert list(faults(thing)) == [fault]


def with_everything(first: int, second: int) -> int:
    """Add `first` and `second`, each from 0 to 9. Returns the sum. Raises UsageError for others."""
    if first + second > 18:
        raise LimitError("first", first, "a digit")
    return first + second


def with_one_sentence(number: int) -> int:
    """The number itself."""
    return number


@pytest.mark.parametrize("thing", [with_everything, with_one_sentence])
def test_what_is_complete_is_let_through(thing: Any) -> None:
    assert list(faults(thing)) == []
