"""Real programs to talk to, from the system's packages."""

import os
import shutil

import pytest

# The Debian package, where its name is not the program's.
PACKAGES = {
    "nc.openbsd": "netcat-openbsd",
    "ss": "iproute2",
    "ip": "iproute2",
    "ps": "procps",
    "redis-cli": "redis-tools",
    "redis-benchmark": "redis-tools",
    "logger": "bsdutils",
}


def require_peer(program: str) -> str:
    """The path of `program`. Without it the test is skipped, and fails under LANDLINE_REQUIRE_PEERS=1."""
    path = shutil.which(program)
    if path is not None:
        return path
    reason = f"{program} is not installed (Debian package {PACKAGES.get(program, program)})"
    if os.environ.get("LANDLINE_REQUIRE_PEERS") == "1":
        pytest.fail(f"{reason}, and LANDLINE_REQUIRE_PEERS=1 asks for it", pytrace=False)
    pytest.skip(reason)
