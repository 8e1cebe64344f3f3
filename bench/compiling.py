"""Compiling the C programs: the load generator, without and with TLS, and the C limit."""

import shutil
import subprocess

from bench.cells import BUILD, FOLDER, LOAD_TLS
from bench.processes import Failed

# -ftree-vectorize with the dynamic cost model: at plain -O2 older gcc upper-cases byte by byte.
FLAGS = ["-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-std=gnu11", "-Wall", "-Wextra"]
COMPILE_SECONDS = 60


def compile_programs() -> None:
    """Compile load and limit into bench/build where they are older than any of the C files, and load with TLS."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Failed("No C compiler: the load generator is written in C, install gcc.")
    BUILD.mkdir(exist_ok=True)
    for name in ("load", "limit"):
        problem = _compile(compiler, name, name, [])
        if problem:
            raise Failed(f"{name}.c does not compile:\n{problem}")
    # Without OpenSSL's headers there is no load_tls, and the report says so.
    _compile(compiler, "load", LOAD_TLS.name, ["-DWITH_TLS", "-lssl", "-lcrypto"])


def _compile(compiler: str, source: str, program: str, more: list[str]) -> str:
    """Compile a program unless it is newer than every C file. Return what the compiler complains about."""
    target = BUILD / program
    newest = max(path.stat().st_mtime for path in FOLDER.glob("*.[ch]"))
    if target.exists() and target.stat().st_mtime >= newest:
        return ""
    target.unlink(missing_ok=True)
    command = [compiler, *FLAGS, "-o", str(target), str(FOLDER / f"{source}.c"), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    return done.stderr.strip() if done.returncode else ""
