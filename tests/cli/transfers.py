"""Transfers that only tell of themselves: what `landline send` and `receive` call, in the place of the real thing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from landline.transfer.events import Ended, Event, Observer, Offered
from landline.transfer.receipt import Receipt

ID = "ab" * 16
PIN = f"sha256:{'0' * 64}"
WORDS = "4821-ocean-maple-brick"


@dataclass
class Played:
    """What was called and how, and the events that each call plays."""

    events: Sequence[Event] = (Ended(transfer=ID, landed=1, size=5, seconds=1.0),)
    raises: BaseException | None = None
    entries: Sequence[Any] = ()
    asks: bool = True
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    checked: Sequence[Any] = ()

    def play(self, observer: Observer) -> None:
        """Tell the events, then raise what is to be raised."""
        for event in self.events:
            observer(event)
        if self.raises is not None:
            raise self.raises

    def send(self, *arguments: Any, **named: Any) -> Receipt:
        """In the place of `send`."""
        self.calls.append((arguments, named))
        self.play(named["on_event"])
        return Receipt(transfer=ID)

    def verify(self, *arguments: Any, **named: Any) -> Sequence[Any]:
        """In the place of `verify`."""
        self.calls.append((arguments, named))
        return self.checked

    def receive(self, *arguments: Any, **named: Any) -> None:
        """In the place of `receive`."""
        self.calls.append((arguments, named))
        offered = Offered(transfer=ID, peer="tls://host:1", files=2, size=1024)
        if self.asks and named.get("accept") is not None and not named["accept"](offered, self.entries):
            return
        self.play(named["on_event"])

    def drop(self, *arguments: Any, **named: Any) -> FakeDrop:
        """In the place of `Drop`."""
        self.calls.append((arguments, named))
        return FakeDrop(self, arguments[1], named["on_event"])


@dataclass
class FakeDrop:
    """In the place of a drop: one transfer comes at the first wait."""

    played: Played
    where: Any
    observer: Observer
    stopped: bool = False

    def __enter__(self) -> FakeDrop:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = True

    @property
    def address(self) -> str:
        """Where it listens."""
        port = self.where.port or 8120
        return f"tls://{self.where.host}:{port}?pin={PIN}"

    def wait_once(self, timeout: float | None = None) -> bool:
        """One transfer, and then Ctrl-C if nothing else ends it."""
        if self.played.calls[-1][1].get("played"):
            raise KeyboardInterrupt
        self.played.calls[-1][1]["played"] = True
        self.played.play(self.observer)
        return True


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """Transfers are played, and not made."""
    one = Played()
    homes: dict[str, dict[str, Callable[..., Any]]] = {
        "sendfiles": {"send": one.send},
        "verifying": {"verify": one.verify},
        "receivefiles": {"receive": one.receive},
        "drop": {"Drop": one.drop},
    }
    for name, content in homes.items():
        module = ModuleType(f"landline.transfer.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("LANDLINE_CODE", raising=False)
    monkeypatch.delenv("LANDLINE_RELAY", raising=False)
    return one


def checked(name: str, fault: str = "", detail: str = "", path: str = "") -> SimpleNamespace:
    """What was found of one landed file."""
    return SimpleNamespace(file=SimpleNamespace(file=0, name=name, path=path), fault=fault or None, detail=detail)
