"""The process around the command: its version, its exit code, streams that are missing or broken."""

import subprocess
import sys

import pytest

from landline import __version__

LANDLINE = f"'{sys.executable}' -m landline"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30)


def test_version() -> None:
    run = shell(f"{LANDLINE} --version")
    assert (run.returncode, run.stdout, run.stderr) == (0, f"landline {__version__}\n", "")


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_missing_is_like_one_that_leads_nowhere(redirection: str) -> None:
    """The first socket got the number of the missing stream, and uvloop ended the process with an assertion."""
    run = shell(f"{LANDLINE} call unix://@landline-nobody hello {redirection}")
    assert run.returncode == 3
    assert run.stdout == ""
    if "2>" not in redirection:
        assert run.stderr.startswith("landline: cannot connect to unix://@landline-nobody: nothing listens there")


@pytest.mark.parametrize("arguments", ["--version", "--help", "serve echo unix://@landline-{}"])
def test_an_output_that_is_full_is_said(arguments: str) -> None:
    run = shell(f"{LANDLINE} {arguments.format('full')} >/dev/full")
    assert run.returncode == 1
    assert run.stderr == "landline: the system refused: no space left on device; -v shows where\n"


@pytest.mark.parametrize("arguments", ["--version", "--help"])
def test_an_output_that_nobody_reads_is_no_error(arguments: str) -> None:
    run = shell(f"{{ {LANDLINE} {arguments}; echo $? >&2; }} | :")
    assert run.stderr == "0\n"
