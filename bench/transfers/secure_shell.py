"""An OpenSSH server of our own: its settings and keys are made for the run, and nothing of the user's is read."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Child, Failed
from bench.transfers.running import listens, running, wait_until

KEY_SECONDS = 30
SEPARATION = Path("/run/sshd")
"""Where sshd locks up what is not logged in yet; the script that starts it as a service makes this folder."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 where nobody listens at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class SecureShell:
    """An OpenSSH server on a free port of 127.0.0.1 that knows one key, of the user who runs the benchmark."""

    folder: Path = Path()
    user: str = field(default_factory=getpass.getuser)

    def prepare(self, folder: Path) -> None:
        """Make the keys of the server and of the user. Raises `Failed` when ssh-keygen cannot."""
        folder.mkdir(parents=True, mode=0o700)
        self.folder = folder
        for name in ("host", "user"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=KEY_SECONDS, check=False)
            if done.returncode:
                raise Failed(f"ssh-keygen ended with {done.returncode}: {done.stderr.strip()}")
        shutil.copyfile(folder / "user.pub", folder / "authorized")

    @contextlib.contextmanager
    def serving(self) -> Iterator[tuple[Child, int]]:
        """Run the server; give its process and its port."""
        port = free_port()
        settings = self.folder / "settings"
        settings.write_text(self._settings(port))
        host_key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        (self.folder / "known").write_text(f"[127.0.0.1]:{port} {host_key}\n")
        program = shutil.which("sshd")
        assert program is not None
        with _separation(), running([program, "-D", "-e", "-f", str(settings)]) as daemon:
            wait_until(lambda: listens(port), "sshd: listening")
            yield daemon, port

    def _settings(self, port: int) -> str:
        lines = {
            "ListenAddress": f"127.0.0.1:{port}",
            "HostKey": self.folder / "host",
            "AuthorizedKeysFile": self.folder / "authorized",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "Subsystem": "sftp internal-sftp",
            "LogLevel": "ERROR",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def options(self, port: int) -> list[str]:
        """Return what ssh and scp have to be told; none of it has a space."""
        settings = {
            "Port": port,
            "IdentityFile": self.folder / "user",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known",
            "GlobalKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        return ["-F", "none", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]


@contextlib.contextmanager
def _separation() -> Iterator[None]:
    """Make the folder that sshd run as root insists on, and remove it, unless it is there."""
    if os.geteuid() or SEPARATION.exists():
        yield
        return
    SEPARATION.mkdir(mode=0o755)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            SEPARATION.rmdir()
