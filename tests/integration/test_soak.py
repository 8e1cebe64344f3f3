"""The soak of `make soak`, short: every kind of handler and client on a bad network, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.torture
def test_twenty_seconds_of_bad_network_leave_nothing_behind() -> None:
    command = [sys.executable, "-m", "bench.soak", "--seconds", "20", "--seed", "20261121"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.endswith("Nothing is wrong.\n"), done.stdout + done.stderr
    assert done.returncode == 0
