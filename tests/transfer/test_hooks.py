"""The program after a transfer: at most four at once, and it holds nobody up."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from landline.transfer import hooks
from landline.transfer.hooks import AT_ONCE, Done, Hooks


def done(label: str = "label") -> Done:
    """A transfer that is over."""
    return Done(b"/in", "ab", label, 1, 2, 3)


def test_without_a_program_nothing_runs() -> None:
    told = Hooks((), print)
    told.run(done())
    told.close(1)


def test_all_of_them_run_a_few_at_a_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = Hooks(("/bin/sh", "-c", f'echo "$1 $2 $3 $LANDLINE_SIZE" >> {log}', "sh"), pytest.fail)
    before = threading.active_count()
    for number in range(AT_ONCE * 2):
        program.run(done(f"a\0b\n{number}"))
    assert threading.active_count() - before <= AT_ONCE
    program.close(30)
    lines = log.read_text().splitlines()
    assert sorted(lines) == sorted(["/in ab ab", *[f"{number} 3" for number in range(AT_ONCE * 2)], *["/in ab ab"] * 7])


def test_one_that_takes_too_long_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "LONGEST_SECONDS", 0.05)
    told: list[str] = []
    program = Hooks(("/bin/sleep", "1000", "#"), told.append)
    program._program = ("/bin/sh", "-c", "exec sleep 1000")  # noqa: SLF001
    program.run(done())
    program.close(30)
    assert "was killed" in told[0]
