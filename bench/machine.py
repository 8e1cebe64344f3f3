"""The machine and the versions in words: no names of hosts, no paths."""

import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

VERSION_SECONDS = 30
PEERS = ("uvloop", "msgspec", "Twisted", "gevent", "easynetwork")


def describe_machine() -> dict[str, object]:
    """Return the machine's cores, processor, memory, kernel, Python and compiler, and how busy it was."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": f"Linux {_number(platform.release())}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": f"gcc {_number(_output(['gcc', '-dumpfullversion']))}",
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def machine_words(machine: dict[str, object]) -> str:
    """Return the machine as one line."""
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB, "
        f"{machine['kernel']}, {machine['python']}, {machine['compiler']}"
    )


def describe_libraries(landline: Path) -> dict[str, str]:
    """Return the versions of Landline and of the peers' libraries that are installed."""
    versions = {"landline": _number(_output([str(landline), "--version"]))}
    for name in PEERS:
        try:
            versions[name.lower()] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions["redis"] = _number(_output(["redis-server", "--version"]))
    return {name: version for name, version in versions.items() if version}


def version_of(command: list[str]) -> str:
    """Return the first version number that a command prints, on either of its outputs."""
    return _number(_output(command, both=True))


def today() -> str:
    """Return today's date in UTC."""
    return datetime.now(UTC).date().isoformat()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return re.sub(r"\((R|TM)\)", "", line.partition(":")[2]).strip()
    return platform.machine()


def _number(text: str) -> str:
    """Return the first version number in a text: digits and dots only."""
    found = re.search(r"\d+(\.\d+)+\w*", text)
    return found[0] if found else ""


def _output(command: list[str], both: bool = False) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=VERSION_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr if both else done.stdout
