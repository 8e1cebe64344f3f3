"""Start-up counts: the answers everybody waits for come without the heavy packages."""

import subprocess
import sys

import pytest

HEAVY = {"asyncio", "rich"}

# Runs the command inside Python, then says on stderr which modules that brought in.
PROGRAM = """
import sys
before = set(sys.modules)
from landline.cli.main import main
sys.argv = ["landline", sys.argv[1]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""


@pytest.mark.parametrize(("option", "shown"), [("--version", "landline"), ("--help", "serve")])
def test_version_and_help_import_nothing_heavy(option: str, shown: str) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, option], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    assert shown in run.stdout.lower()
    imported = set(run.stderr.split())
    assert "landline.cli.main" in imported
    assert imported & HEAVY == set()
