"""Machines of a small network for tests: Linux network namespaces, each with interfaces of its own (namespaces(7))."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import pytest

WAIT_SECONDS = 20
_HOLD = [sys.executable, "-Sc", "import sys; print(flush=True); sys.stdin.read()"]


def _can_have_namespaces() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        return False
    tried = subprocess.run(
        ["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True, timeout=WAIT_SECONDS
    )
    return tried.returncode == 0


needs_namespaces = pytest.mark.skipif(not _can_have_namespaces(), reason="this user cannot make network namespaces")


class Namespace:
    """A network of its own, in which nothing is up at first. It goes with the block."""

    _links = 0

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            ["unshare", "-n", *_HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()

    def __enter__(self) -> Namespace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.communicate(timeout=WAIT_SECONDS)

    def inside(self, *command: str) -> list[str]:
        """The command that runs another inside."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command]

    def run(self, *command: str) -> str:
        """Run a command inside. Its output."""
        done = subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=WAIT_SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def join(self, other: Namespace, own_address: str, other_address: str) -> None:
        """Lay a cable to another; each end has an address of one /24."""
        Namespace._links += 1
        near, far = f"near{Namespace._links}", f"far{Namespace._links}"
        self.run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        self.run("ip", "link", "set", far, "netns", str(other._holder.pid))
        for space, link, address in ((self, near, own_address), (other, far, other_address)):
            space.run("ip", "addr", "add", f"{address}/24", "dev", link)
            space.run("ip", "link", "set", link, "up")

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """Run a program inside while the block lasts; it has printed a line."""
        process = subprocess.Popen(self.inside(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.communicate(timeout=WAIT_SECONDS)
