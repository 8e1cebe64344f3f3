"""The command `landline`: arguments in, one call, an exit code out.

Start-up counts: what a command needs is imported when that command runs, and `--version` needs nothing.
"""

from __future__ import annotations

import sys

from landline._version import __version__


def main() -> None:
    """Run the command with the arguments of this process and exit."""
    if sys.argv[1:] == ["--version"]:
        print(f"landline {__version__}")
        sys.exit(0)
    from landline.cli.commands import run_command

    sys.exit(run_command(sys.argv[1:]))
