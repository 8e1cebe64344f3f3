"""Kills and power cuts: what the journal said was synced is in it, in order, and nothing that was never appended."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from landline.transfer.journal import Journal
from landline.transfer.records import Chunk, Record, decode
from tests.transfer.powercut import PowerCut


def chunk(number: int) -> Chunk:
    return Chunk(0, 0, number, bytes([number % 256]) * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_at_every_moment(tmp_path: Path, seed: int) -> None:
    """Appends and syncs, then a cut behind each of their steps; what was synced by then is there, in order."""
    random = Random(seed)
    place = tmp_path / "disk"
    place.mkdir()
    appended: list[Record] = []
    promises = [(0, 0)]
    with PowerCut(place) as disk:
        folder = os.open(place, os.O_RDONLY)
        with Journal.open(folder) as journal:
            for _ in range(12):
                records = [chunk(random.randrange(256)) for _ in range(random.choice((1, 2, 5, 200)))]
                journal.append(*records)
                appended += records
                if random.random() < 0.5:
                    journal.sync()
                    promises.append((disk.moments, len(appended)))
        os.close(folder)
    for moment in range(disk.moments + 1):
        promised = max(count for when, count in promises if when <= moment)
        for cut in (None, Random(seed), Random(moment)):
            disk.cut(moment, cut)
            found = recovered(place)
            assert found == appended[: len(found)]
            assert len(found) >= promised


def recovered(place: Path) -> list[Any]:
    """What the journal holds after it was opened, which makes it whole and durable."""
    folder = os.open(place, os.O_RDONLY)
    Journal.open(folder).close()
    os.close(folder)
    return decode((place / "journal").read_bytes())[0]


class Crashes(RuleBasedStateMachine):
    """Appends, syncs, kills and power cuts in any order, over many lives of one journal."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.root = Path(self.place.name) / "disk"
        self.root.mkdir()
        self.appended: list[Record] = []
        self.promised = 0
        self.begin()

    def begin(self) -> None:
        """A new life: what the journal holds now counts, and is durable from now on."""
        self.disk = PowerCut(self.root).__enter__()
        self.folder = os.open(self.root, os.O_RDONLY)
        self.journal = Journal.open(self.folder)
        found = decode((self.root / "journal").read_bytes())[0]
        assert found == self.appended[: len(found)]
        assert len(found) >= self.promised
        self.appended, self.promised = self.appended[: len(found)], len(found)

    def end(self) -> None:
        self.journal.close()
        os.close(self.folder)
        self.disk.__exit__()

    def again(self) -> None:
        """The same disk goes on, so what the last life left unsynced still is."""
        self.journal.close()
        os.close(self.folder)
        self.folder = os.open(self.root, os.O_RDONLY)
        self.journal = Journal.open(self.folder)
        assert decode((self.root / "journal").read_bytes())[0] == self.appended
        self.promised = len(self.appended)

    @rule(numbers=st.lists(st.integers(0, 255), max_size=5))
    def append(self, numbers: list[int]) -> None:
        self.journal.append(*map(chunk, numbers))
        self.appended += map(chunk, numbers)

    @rule()
    def append_many(self) -> None:
        self.append(list(range(150)))

    @rule()
    def sync(self) -> None:
        self.journal.sync()
        self.promised = len(self.appended)

    @precondition(lambda self: len(self.appended) > self.promised)
    @rule()
    def kill(self) -> None:
        self.again()

    @rule(seed=st.integers(0, 2**32), steps_back=st.integers(0, 1))
    def cut_the_power(self, seed: int, steps_back: int) -> None:
        self.end()
        # The last event may be the sync that was promised.
        back = steps_back if len(self.appended) > self.promised and self.disk.moments > 1 else 0
        self.disk.cut(self.disk.moments - back, Random(seed) if seed else None)
        self.begin()

    def teardown(self) -> None:
        self.end()
        self.place.cleanup()


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(Crashes.TestCase.settings, max_examples=40, stateful_step_count=20)


APPENDING = """
import os, sys
from landline.transfer.journal import Journal
from landline.transfer.records import Chunk, Opened
journal = Journal.open(os.open(sys.argv[1], os.O_RDONLY))
journal.append(Opened(0, 0, None, 1, b""))
number = 0
while True:
    journal.append(*(Chunk(0, 0, number + more, bytes(32)) for more in range(3)))
    number += 3
    journal.sync()
    os.write(1, b"%d\\n" % number)
"""


def kill_while_it_appends(place: Path, folder: int, after_lines: int) -> None:
    """What the process printed as synced is in the journal, after it was killed."""
    (place / "journal").unlink(missing_ok=True)
    with subprocess.Popen([sys.executable, "-c", APPENDING, place], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_lines)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    with Journal.open(folder) as journal:
        chunks = journal.state.files[0].chunks
    synced = int(lines[-1]) if lines[-1].endswith(b"\n") else int(lines[-2])
    assert len(chunks) >= synced
    assert list(chunks) == list(range(len(chunks)))


@pytest.mark.parametrize("seed", range(10))
def test_a_kill_loses_nothing_that_was_synced(tmp_path: Path, folder: int, seed: int) -> None:
    kill_while_it_appends(tmp_path, folder, Random(seed).randint(2, 60))


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_kills(tmp_path: Path, folder: int, seed: int) -> None:
    kill_while_it_appends(tmp_path, folder, Random(1000 + seed).randint(2, 600))
