"""What the tests of landing share: a destination with a staging folder, beside an outside that nothing may touch."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import landline
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import LandingError
from landline.transfer.landing import IfExists, Landed, Landing, Ready, Symlinks, Synced
from landline.transfer.staging import Staging

TRANSFER = bytes(range(16))
MTIME_NS = 1_234_567_890_123_456_789

Shape = dict[str, tuple[int, bytes]]


@dataclass
class Place:
    """A landing with everything below `base`: the destination `base/root`, and `base/outside`."""

    base: Path
    destination: Destination
    staging: Staging
    landing: Landing

    @property
    def root(self) -> Path:
        return self.base / "root"

    def staged(self, index: int, *parts: bytes, data: bytes = b"new", mode: int = 0o644) -> Ready:
        """A verified file in staging; `land` closes its descriptor."""
        file_fd = self.staging.create(index, len(data))
        os.pwrite(file_fd, data, 0)
        return Ready(index, file_fd, parts, mode, MTIME_NS)

    def land(self, *group: Ready) -> list[Landed | LandingError]:
        """All three steps, and the descriptors closed."""
        assert [outcome for outcome in self.landing.sync(group) if not isinstance(outcome, Synced)] == []
        named = self.landing.name(group)
        self.landing.settle()
        for ready in group:
            os.close(ready.fd)
        return named

    def lands(self, index: int, *parts: bytes, data: bytes = b"new", mode: int = 0o644) -> tuple[bytes, ...]:
        """Land one file that should. Returns the name it got."""
        (outcome,) = self.land(self.staged(index, *parts, data=data, mode=mode))
        assert isinstance(outcome, Landed), outcome
        return outcome.parts

    def fails(self, index: int, *parts: bytes) -> LandingError:
        """Land one file that should not. Returns the error, after which the file is still in staging."""
        (outcome,) = self.land(self.staged(index, *parts))
        assert isinstance(outcome, LandingError), outcome
        assert b"f%d" % index in os.listdir(os.fsencode(self.root) + b"/" + self.staging.name)
        self.staging.discard(index)
        return outcome

    def shape(self) -> Shape:
        """What is in the destination, without the staging folder."""
        shape = shape_of(self.root)
        return {name: found for name, found in shape.items() if not name.startswith(".landline-")}


def shape_of(folder: Path) -> Shape:
    """Each name below the folder with its mode, and the content of a file or the target of a link."""
    shape = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = b""
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            content = os.fsencode(os.readlink(path))
        shape[str(path.relative_to(folder))] = (status.st_mode & 0o7777, content)
    return shape


@contextlib.contextmanager
def place(
    base: Path,
    if_exists: IfExists = IfExists.REFUSE,
    symlinks: Symlinks = Symlinks.SKIP,
    transfer: bytes = TRANSFER,
    resume: bool = False,
) -> Iterator[Place]:
    """A landing in `base/root`. At the end, `base/outside` is as it was, and no descriptor is left open."""
    outside = base / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "secret").write_bytes(b"untouched")
    before = shape_of(outside), outside.stat().st_mtime_ns
    descriptors = len(os.listdir("/proc/self/fd"))
    with (
        Destination.open(os.fsencode(base / "root")) as destination,
        Staging.open(destination, transfer, resume) as staging,
        Landing(destination, staging, if_exists, symlinks) as landing,
    ):
        yield Place(base, destination, staging, landing)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert (shape_of(outside), outside.stat().st_mtime_ns) == before


def run_in_own_mounts(script: str, folder: Path) -> str:
    """Run a Python script, with `folder` as its argument, where it may mount without being seen. Returns its output."""
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    try:
        subprocess.run(probe, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user may not mount file systems: {error}")
    environment = {**os.environ, "PYTHONPATH": str(Path(landline.__file__).parents[1])}
    command = ["unshare", "--mount", sys.executable, "-W", "error", "-c", script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout
