"""Fixtures for tests of transfers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.transfer.options import SendOptions
from landline.transfer.sendjob import SendJob
from landline.transfer.source import Source
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
