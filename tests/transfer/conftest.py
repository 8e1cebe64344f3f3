"""Fixtures for tests of transfers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.transfer.drop import Drop
from landline.transfer.options import SendOptions
from landline.transfer.sendjob import SendJob
from landline.transfer.source import Source
from tests.transfer.hostile import Rig, descriptors, tree, upload, wait_idle
from tests.transfer.peer import MakeJob, Seen


@pytest.fixture
def make_job() -> Iterator[MakeJob]:
    """Makes jobs, and closes them."""
    jobs: list[SendJob] = []

    def make(*paths: Path, seen: Seen | None = None, fd: int = 0, **options: object) -> SendJob:
        given = SendOptions(**options)  # type: ignore[arg-type]
        source = Source([os.fsencode(path) for path in paths], given.symlinks, given.stream_name, fd)
        jobs.append(SendJob(b"t" * 16, b"s" * 32, source, given, seen, label="test"))
        return jobs[-1]

    yield make
    for job in jobs:
        job.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders for what lasts and what is remembered, which are gone after the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home/data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/state"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A drop that is there for all tests of this file: what one sender does must not harm the next."""
    base = tmp_path_factory.mktemp("hostile")
    inbox = base / "inbox"
    inbox.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(base / "data"))
        patch.setattr("landline.transfer.door.TAKE_SECONDS", 0.05)
        with Drop(inbox, history=os.fsencode(base / "history")) as drop:
            (base / "outside").mkdir()
            (base / "outside" / "file").write_bytes(b"not yours")
            upload(drop.address, b"warm")
            rig = Rig(drop, base, inbox)
            yield rig
            rig.serves_another()


@pytest.fixture
def unharmed(rig: Rig) -> Iterator[Rig]:
    """Afterwards nothing outside was touched and nobody is inside; and now and then the next sender is served."""
    standing = threading.enumerate()
    outside, before = tree(rig.base / "outside"), set(os.listdir(rig.base))
    wait_idle(standing)
    open_before = len(descriptors())
    yield rig
    assert wait_idle(standing) == []
    assert len(descriptors()) <= open_before
    assert tree(rig.base / "outside") == outside
    assert set(os.listdir(rig.base)) | {"history"} == before | {"history"}
    rig.served += 1
    if rig.served % 8 == 0:
        rig.serves_another()
