"""Socket activation: a parent binds, says so in the environment and becomes `landline serve`, as systemd does it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"

# Binds a TCP socket, and a UDP socket too if asked, as descriptors 3 and 4; then this very process becomes the service.
ACTIVATOR = """
import os, socket, sys

kinds, meant_for = sys.argv[1].split(","), sys.argv[2]
sockets = []
for kind in kinds:
    sock = socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    if kind == "tcp":
        sock.listen()
    sockets.append(os.dup(sock.fileno()))
spare = [os.dup2(number, 30 + at) for at, number in enumerate(sockets)]
for at, number in enumerate(spare):
    os.dup2(number, 3 + at)
os.closerange(3 + len(sockets), 40)
os.environ |= {"LISTEN_FDS": str(len(kinds)), "LISTEN_PID": meant_for or str(os.getpid())}
os.execv(sys.argv[3], sys.argv[3:])
"""

SERVICE = """
import json, os, subprocess, sys
from landline import Service

service = Service("parrot")
LIST = "import json, os; print(json.dumps([one for one in range(3, 20) if os.path.exists(f'/proc/self/fd/{one}')]))"

@service.message
def answer(message):
    if message == b"children":
        # With close_fds off a child gets whatever is inheritable.
        return subprocess.run([sys.executable, "-c", LIST], close_fds=False, capture_output=True).stdout.strip()
    return message.upper()
"""


@contextmanager
def activated(
    folder: Path, *arguments: str, kinds: str = "tcp", meant_for: str = "", lines: int = 1
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `landline serve my:service` on sockets of a parent; the process and the addresses it printed."""
    (folder / "my.py").write_text(SERVICE)
    command = [sys.executable, "-c", ACTIVATOR, kinds, meant_for, LANDLINE, "serve", "my:service", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            assert process.stdout is not None
            yield process, [process.stdout.readline().removeprefix("parrot ").strip() for _ in range(lines)]
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=WAIT_SECONDS)
            assert process.returncode == 0, errors
        finally:
            process.kill()


def asked(address: str, message: bytes) -> bytes:
    """The reply to one line over TCP."""
    with socket.create_connection((HOST, int(address.rpartition(":")[2])), WAIT_SECONDS) as sock:
        sock.sendall(message + b"\n")
        return sock.makefile("rb").readline().rstrip(b"\n")


@pytest.mark.parametrize("arguments", [("fd://3",), ()], ids=["named", "found"])
def test_a_service_is_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with activated(tmp_path, *arguments) as (_, (address,)):
        assert asked(address, b"bith") == b"BITH"


def test_every_socket_that_was_passed_is_served(tmp_path: Path) -> None:
    with activated(tmp_path, kinds="tcp,udp", lines=2) as (_, (tcp, udp)):
        assert (tcp.partition(":")[0], udp.partition(":")[0]) == ("tcp", "udp")
        assert asked(tcp, b"bith") == b"BITH"
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(WAIT_SECONDS)
            sock.sendto(b"bith", (HOST, int(udp.rpartition(":")[2])))
            assert sock.recv(100) == b"BITH"


def test_sockets_for_another_process_are_left_alone(tmp_path: Path) -> None:
    with activated(tmp_path, kinds="udp", meant_for=str(os.getpid())) as (_, (address,)):
        assert address.startswith("tcp://127.0.0.1:")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the descriptors of a process are listed by Linux alone")
def test_children_do_not_inherit_the_listener(tmp_path: Path) -> None:
    with activated(tmp_path) as (_, (address,)):
        assert 3 not in json.loads(asked(address, b"children"))


def test_a_descriptor_that_was_not_passed_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(SERVICE)
    command = [LANDLINE, "serve", "my:service", "fd://99"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert (done.returncode, done.stderr) == (
        3,
        "landline: cannot listen on fd://99: this process inherited no such descriptor\n",
    )


def units_of(page: str) -> dict[str, str]:
    """The unit files of the guide: blocks of kind `ini` whose first line is a comment with the name."""
    blocks = page.split("```ini\n")[1:]
    texts = [block.partition("```")[0] for block in blocks]
    return {text.partition("\n")[0].removeprefix("# /etc/systemd/system/"): text for text in texts}


def test_systemd_reads_the_units_of_the_guide(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    units = units_of((ROOT / "docs/guide/systemd.md").read_text(encoding="utf-8"))
    assert set(units) == {"shout.service", "shout.socket"}
    for name, text in units.items():
        # The paths of the guide are not there on this machine, and systemd looks.
        (tmp_path / name).write_text(text.replace("/opt/shout/.venv/bin/landline", LANDLINE))
    command = [analyze, "verify", "--man=no", *(str(tmp_path / name) for name in units)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "shout." in line]
    assert complaints == []
