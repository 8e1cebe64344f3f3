"""Somebody in the middle flips, repeats, swaps, drops, delays and cuts: never a wrong byte under a final name."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from landline.address import TlsAddress
from landline.address import parse as parse_address
from landline.errors import LandlineError
from landline.transfer.drop import Drop
from landline.transfer.events import Event, Resent
from landline.transfer.manifest import LEAST_CHUNK, MIB
from landline.transfer.options import ReceiveOptions, SendOptions
from landline.transfer.receipt import Receipt
from landline.transfer.sendfiles import send
from tests.transfer.hostile import tree
from tests.transfer.middle import MISCHIEF, Kind, Middle

CHUNK = LEAST_CHUNK


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with small and large files."""
    for name in ("DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setattr("landline.transfer.door.TAKE_SECONDS", 0.02)
    monkeypatch.setattr("landline.transfer.link.STALL_SECONDS", 0.7)
    monkeypatch.setattr("landline.transfer.retrying.FIRST_SECONDS", 0.01)
    folder = tmp_path / "source"
    folder.mkdir()
    chance = random.Random(7)
    (folder / "big").write_bytes(chance.randbytes(CHUNK + MIB))
    for number in range(20):
        (folder / f"small-{number}").write_bytes(chance.randbytes(number * 1000))
    yield folder


class Way(NamedTuple):
    """How a transfer went: what came of it, how often something was done to it, its events, where the middle was."""

    outcome: Receipt | LandlineError
    done: int
    events: list[Event]
    port: int


def sent_through(source: Path, kind: Kind, name: str, seed: int, every: int, most: int, port: int = 0) -> Way:
    """Send through the middle; what is there already is compared, and not sent."""
    inbox = source.parent / "inbox"
    inbox.mkdir(exist_ok=True)
    events: list[Event] = []
    clear = kind == "clear"
    with Drop(inbox, options=ReceiveOptions(trusted_link=clear), history=os.fsencode(source.parent / "seen")) as drop:
        target = parse_address(drop.address)
        assert isinstance(target, TlsAddress)
        with Middle((target.host, target.port), kind, MISCHIEF[name], every, most, seed, port) as middle:
            address = str(TlsAddress("127.0.0.1", middle.port, pin=target.pin))
            options = SendOptions(trusted_link=clear, retry_seconds=20.0, streams=2, if_exists="skip-same")
            outcome: Receipt | LandlineError
            try:
                outcome = send([source], address, options=options, on_event=events.append)
            except LandlineError as error:
                outcome = error
            return Way(outcome, middle.done, events, middle.port)


def check(source: Path, outcome: Receipt | LandlineError) -> bool:
    """What has its final name is exactly what was sent. Returns whether all of it has."""
    landed = {name: data for name, data in tree(source.parent / "inbox").items() if not name.endswith(b"/")}
    sent = {b"source/" + name: data for name, data in tree(source).items()}
    assert landed.items() <= sent.items()
    if isinstance(outcome, Receipt):
        assert landed.keys() == sent.keys() - {os.fsencode(row.name) for row in outcome.failed}
        return not outcome.failed
    assert str(outcome)
    return False


def run(source: Path, kind: Kind, name: str, seed: int) -> None:
    """One transfer with mischief; where it fails, the same again without."""
    way = sent_through(source, kind, name, seed, every=2 * MIB, most=3)
    whole = check(source, way.outcome)
    print(f"{kind} {name} {seed}: {way.done} times; {'whole' if whole else way.outcome}")
    # TLS makes of everything a connection that broke; and that is tried again.
    if name in ("delay", "cut") or kind == "tls":
        assert whole, way.outcome
    if not whole:
        again = sent_through(source, kind, "delay", seed, every=MIB, most=1, port=way.port)
        assert isinstance(again.outcome, Receipt), again.outcome
        assert check(source, again.outcome), again.outcome.failed


@pytest.mark.parametrize("kind", ["tls", "clear"])
@pytest.mark.parametrize("name", MISCHIEF)
def test_whatever_is_done_on_the_way_files_are_right_or_not_there(source: Path, kind: Kind, name: str) -> None:
    run(source, kind, name, seed=1)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(2, 27))
@pytest.mark.parametrize("kind", ["tls", "clear"])
@pytest.mark.parametrize("name", MISCHIEF)
def test_whatever_is_done_on_the_way_many_times(source: Path, kind: Kind, name: str, seed: int) -> None:
    run(source, kind, name, seed)


def test_a_bit_now_and_then_on_a_clear_connection_costs_a_chunk(source: Path) -> None:
    """One flipped bit in every few MiB: the digest finds it, the chunk comes again, and the file is exact."""
    (source / "large").write_bytes(random.Random(9).randbytes(6 * CHUNK))
    way = sent_through(source, "clear", "flip", seed=3, every=12 * MIB, most=3)
    assert check(source, way.outcome), way.outcome
    assert way.done and len([event for event in way.events if isinstance(event, Resent)]) == way.done
