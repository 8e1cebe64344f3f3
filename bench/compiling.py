"""Compiling the C programs: the load generators, one of them also with TLS, and the C limit."""

import shutil
import subprocess
from pathlib import Path

from bench.cells import BUILD, FOLDER, LOAD_TLS
from bench.processes import Failed

# -ftree-vectorize with the dynamic cost model: at plain -O2 older gcc upper-cases byte by byte.
FLAGS = ["-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-std=gnu11", "-Wall", "-Wextra"]
COMPILE_SECONDS = 60


def compile_programs() -> None:
    """Compile load, also with TLS, limit and crowd into bench/build where they are older than any of the C files."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Failed("No C compiler: the load generator is written in C, install gcc.")
    BUILD.mkdir(exist_ok=True)
    for source in (FOLDER / "load.c", FOLDER / "limit.c", FOLDER / "chat" / "crowd.c"):
        problem = _compile(compiler, source, source.stem, [])
        if problem:
            raise Failed(f"{source.name} does not compile:\n{problem}")
    # Without OpenSSL's headers there is no load_tls, and the report says so.
    _compile(compiler, FOLDER / "load.c", LOAD_TLS.name, ["-DWITH_TLS", "-lssl", "-lcrypto"])


def _compile(compiler: str, source: Path, program: str, more: list[str]) -> str:
    """Compile a program unless it is newer than every C file. Return what the compiler complains about."""
    target = BUILD / program
    newest = max(path.stat().st_mtime for path in FOLDER.rglob("*.[ch]"))
    if target.exists() and target.stat().st_mtime >= newest:
        return ""
    target.unlink(missing_ok=True)
    command = [compiler, *FLAGS, "-o", str(target), str(source), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    return done.stderr.strip() if done.returncode else ""
