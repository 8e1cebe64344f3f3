"""A chat in this process, on real sockets, whose hub and clock a test can reach."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from landline.chat import hub as hub_module
from landline.chat import server as server_module
from landline.chat.bounds import Bounds
from landline.chat.hub import Hub
from landline.chat.server import chat_service
from landline.testing.background import Background

FAST: dict[str, Any] = {
    f"{name}_{what}": 1e6
    for name in ("session", "account", "address", "request", "opening")
    for what in ("burst", "rate")
}


class Clock:
    """The clock of a hub: it stands, until a test moves it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


class House:
    """A chat that is served in the background."""

    def __init__(self, serve: Background, folder: Path, patch: pytest.MonkeyPatch, **options: Any) -> None:
        hubs: list[Hub] = []

        def hub(*arguments: Any) -> Hub:
            hubs.append(Hub(*arguments))
            return hubs[0]

        patch.setattr(server_module, "Hub", hub)
        options.setdefault("bounds", Bounds(**FAST))
        self.address = str(serve(chat_service(folder, **options)))
        self.hub = hubs[0]


def set_clock(patch: pytest.MonkeyPatch) -> Clock:
    """Give hubs another clock."""
    clock = Clock()
    patch.setattr(hub_module, "time", clock)
    assert time.time is not clock.time
    return clock
