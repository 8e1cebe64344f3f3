"""Who we are: a certificate that is made once and kept, or one for a single transfer; and where we keep such things.

The folders are those of the XDG Base Directory Specification.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import ssl
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from landline.errors import CertificateError, UsageError
from landline.transport.certificates import load_pair
from landline.transport.newcertificates import new_pair

CERTIFICATE_FILE = "identity.pem"
KEY_FILE = "identity.key"
IDENTITY_DAYS = 3650
"""Others know us by the pin of this one certificate, so it lasts."""
PASSING_DAYS = 30
"""A transfer may be interrupted and go on for days; nobody who pins a certificate asks for its dates."""

_COMMON_NAME = "landline"
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Identity:
    """Two PEM files, `certificate` and `key`, the `pin` that others know us by, and the certificate itself in `der`."""

    certificate: Path
    key: Path
    pin: str
    der: bytes = field(default=b"", repr=False)


def data_folder() -> Path:
    """Where we keep what must last: `$XDG_DATA_HOME/landline`, made if it is not there. Raises UsageError."""
    return _own_folder("XDG_DATA_HOME", ".local/share")


def state_folder() -> Path:
    """Where we keep what we remember between runs: `$XDG_STATE_HOME/landline`, made if it is not there.

    Raises UsageError.
    """
    return _own_folder("XDG_STATE_HOME", ".local/state")


def load_identity(folder: Path | None = None) -> Identity:
    """Read our identity, `identity.pem` and `identity.key`, from `folder` (None: `data_folder()`); the first time it is
    made. Processes that start at once end with the same one. Returns it. Raises CertificateError for files that cannot
    be used, UsageError where the folder cannot be made or the package `cryptography` is missing.
    """
    place = data_folder() if folder is None else _made(Path(folder))
    certificate, key = place / CERTIFICATE_FILE, place / KEY_FILE
    try:
        if not os.path.lexists(key) and not os.path.lexists(certificate):
            _make(place)
        _complete(place)
    except OSError as error:
        raise UsageError(f"cannot keep an identity in {place}: {_why(error)}; choose another folder") from error
    return _loaded(certificate, key)


@contextlib.contextmanager
def passing_identity() -> Iterator[Identity]:
    """An identity for one transfer, which nobody has seen before or will see again.

    Its files are there inside the `with`, for `ServerTls` to load, and gone after it. Raises UsageError where there is
    no room for them, or the package `cryptography` is missing.
    """
    pair = new_pair([_COMMON_NAME], PASSING_DAYS)
    with contextlib.ExitStack() as stack:
        try:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="landline-")))
            certificate, key = place / CERTIFICATE_FILE, place / KEY_FILE
            certificate.write_bytes(pair.certificate)
            # Never synced: at best this key never comes to a disk at all.
            key.touch(0o600)
            key.write_bytes(pair.key)
        except OSError as error:
            raise UsageError(
                f"cannot write a temporary file: {_why(error)}; set TMPDIR to a folder for them"
            ) from error
        yield _loaded(certificate, key)


def check_outside(identity: Identity, directory: str | bytes | os.PathLike[str]) -> None:
    """Check that others cannot reach the key of `identity` by putting files into `directory`. Raises UsageError."""
    shared = Path(os.fsdecode(directory)).resolve()
    # Both the key and the link to it: who replaces the link has replaced the key.
    named = identity.key.parent.resolve() / identity.key.name
    for place in (named, identity.key.resolve()):
        if any(folder == shared or _is_same(folder, shared) for folder in place.parents):
            raise UsageError(
                f"the key {identity.key} lies inside {shared}, where others may put files; "
                "keep keys outside of what is shared, or receive into another directory"
            )


def _own_folder(variable: str, default: str) -> Path:
    given = os.environ.get(variable, "")
    # "All paths set in these environment variables must be absolute. If an implementation encounters a relative path in
    # any of these variables it should consider the path invalid and ignore it."
    if not os.path.isabs(given):
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            raise UsageError(f"this user has no home directory to keep things in; set {variable} to a folder")
        given = os.path.join(home, default)
    return _made(Path(given) / "landline", variable)


def _made(folder: Path, variable: str | None = None) -> Path:
    """The folder, which is there and, if we made it, is ours alone; so are the folders above that were missing."""
    missing = []
    for path in (folder, *folder.parents):
        if os.path.lexists(path):
            break
        missing.append(path)
    try:
        for path in reversed(missing):
            with contextlib.suppress(FileExistsError):
                path.mkdir(0o700)
                # What the umask took away from us.
                path.chmod(0o700)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
    except OSError as error:
        hint = f"set {variable} to a folder that you may write to" if variable else "choose another folder"
        raise UsageError(f"cannot make the folder {folder}: {_why(error)}; {hint}") from error
    return folder


def _make(place: Path) -> None:
    """Put a new key into its place, with its certificate behind it, unless another process was quicker.

    One file and one step: whatever happens, and whoever else does the same, there is never a key without its
    certificate. `_complete` gives the certificate a file of its own.
    """
    pair = new_pair([_COMMON_NAME], IDENTITY_DAYS)
    _write(place, KEY_FILE, pair.key + pair.certificate, 0o600)


def _complete(place: Path) -> None:
    """Write the certificate's own file, if it is not there and the key brings its certificate along."""
    certificate, key = place / CERTIFICATE_FILE, place / KEY_FILE
    if os.path.lexists(certificate) or not key.is_file():
        return
    found = _CERTIFICATE.search(key.read_bytes())
    if found is not None:
        _write(place, CERTIFICATE_FILE, found[0], 0o644)


def _write(place: Path, name: str, data: bytes, mode: int) -> None:
    """A file that is there whole, on the disk and with its mode, or not at all; one that is there already stays."""
    descriptor, passing = tempfile.mkstemp(prefix=f".{name}-", dir=place)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(passing, place / name)
    finally:
        os.unlink(passing)
    _sync(place)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _loaded(certificate: Path, key: Path) -> Identity:
    """The identity in the two files, which belong together and whose key is ours alone."""
    try:
        pin = load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), str(certificate), str(key)).pin
        mode = stat.S_IMODE(key.stat().st_mode)
        text = certificate.read_bytes()
    except CertificateError as error:
        raise CertificateError(error.path, f"{error.problem}; {_way_out(certificate, key)}") from error
    except OSError as error:
        raise CertificateError(str(key), f"{_why(error)}; {_way_out(certificate, key)}") from error
    if mode & 0o077:
        problem = f"others than its owner may read or change it (mode {mode:03o})"
        raise CertificateError(str(key), f"{problem}; run: chmod 600 {shlex.quote(str(key))}")
    found = _CERTIFICATE.search(text)
    der = ssl.PEM_cert_to_DER_cert(found[0].decode("ascii").strip()) if found else b""
    return Identity(certificate, key, pin, der)


def _way_out(certificate: Path, key: Path) -> str:
    return (
        f"put back the two files of your identity, or move {certificate} and {key} away to have a new one made, "
        "whose pin your peers then have to learn"
    )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _why(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)
