"""QR codes, where there is room for them."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from landline.cli.qr import qr_lines, show_qr

ADDRESS = f"tls://192.168.100.200:8120?pin=sha256:{'0' * 64}"


def test_a_code_is_as_wide_as_it_says_or_not_there() -> None:
    lines = qr_lines(ADDRESS, 80)
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 60
    assert qr_lines(ADDRESS, len(lines[0])) == lines
    assert qr_lines(ADDRESS, len(lines[0]) - 1) == []


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    assert qr_lines(ADDRESS, 80) == []


@pytest.mark.parametrize(
    ("terminal", "columns", "wanted", "shown"),
    [
        (True, 80, None, True),
        (True, 80, False, False),
        (True, 30, None, False),
        (True, 30, True, False),
        (False, 80, None, False),
        (False, 80, True, True),
    ],
)
def test_when_it_is_shown(
    terminal: bool,
    columns: int,
    wanted: bool | None,
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 24)))
    show_qr(ADDRESS, wanted)
    assert bool(capsys.readouterr().out) is shown
