"""`landline check` on a terminal of 80 columns."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pexpect

from landline.limits import Limits
from tests.integration.rig import LANDLINE, WAIT_SECONDS
from tests.integration.terminal import ENVIRONMENT

COLUMNS = 80
STYLING = re.compile(r"\x1b\[[0-9;]*m")
MODULE = """
from landline import Limits, Service

parrot = Service("parrot", limits=Limits(max_connections=3, drain_seconds=120))

@parrot.message
async def a_handler_with_a_name_that_is_longer_than_most(message):
    return message
"""


def shown(folder: Path, *arguments: str, code: int) -> list[str]:
    """The lines a person sees, without colours."""
    spawned = pexpect.spawn(
        LANDLINE,
        ["check", *arguments],
        encoding="utf-8",
        timeout=WAIT_SECONDS,
        env=ENVIRONMENT,
        dimensions=(24, COLUMNS),
        cwd=str(folder),
    )
    with spawned:
        spawned.expect(pexpect.EOF)
        text = str(spawned.before)
        spawned.close()
        assert spawned.exitstatus == code, text
    return [line.rstrip() for line in STYLING.sub("", text).splitlines()]


def test_the_tables_fit_80_columns_and_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "birds.py").write_text(MODULE)
    lines = shown(tmp_path, "birds:parrot", "127.0.0.1:8101", "127.0.0.1:99999", code=2)
    assert max(map(len, lines)) <= COLUMNS
    assert lines[0] == "service  parrot"
    assert [line.split()[0] for line in lines if line.split()[:1] and line.split()[0] in Limits.__slots__] == [
        bound.name for bound in fields(Limits)
    ]
    at = lines.index("max_connections             3 connections           service")
    assert lines[at + 1 : at + 3] == [
        "    None means: as many as the descriptor limit of this process leaves, less a",
        "    margin for everything else",
    ]
    rest = " ".join(lines[-12:])
    assert "error: the port of '127.0.0.1:99999' is 99999 and the highest is 65535;" in rest
    assert "warning: max_connections_per_peer is 1024 and max_connections 3" in rest
    assert "Nothing is wrong." not in lines


def test_nothing_wrong_is_said(tmp_path: Path) -> None:
    few = ("--limit", "max_connections=10", "--limit", "max_connections_per_peer=5")
    lines = shown(tmp_path, "echo", "unix://@echo", *few, code=0)
    assert lines[-1] == "Nothing is wrong."
    assert "max_connections             10 connections          this command" in lines
