"""Compiling the two C programs: the load generator and the C limit."""

import shutil
import subprocess

from bench.cells import BUILD, FOLDER
from bench.processes import Failed

# -ftree-vectorize with the dynamic cost model: at plain -O2 older gcc upper-cases byte by byte.
FLAGS = ["-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-std=gnu11", "-Wall", "-Wextra"]
COMPILE_SECONDS = 60


def compile_programs() -> None:
    """Compile load and limit into bench/build where they are older than any of the C files."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Failed("No C compiler: the load generator is written in C, install gcc.")
    BUILD.mkdir(exist_ok=True)
    newest = max(path.stat().st_mtime for path in FOLDER.glob("*.[ch]"))
    for name in ("load", "limit"):
        target = BUILD / name
        if target.exists() and target.stat().st_mtime >= newest:
            continue
        command = [compiler, *FLAGS, "-o", str(target), str(FOLDER / f"{name}.c")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
        if done.returncode:
            raise Failed(f"{name}.c does not compile:\n{done.stderr.strip()}")
