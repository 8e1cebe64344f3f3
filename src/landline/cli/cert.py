"""`landline cert new`: keys and certificates as files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import click

from landline.address import host_port
from landline.cli.exits import Exit
from landline.errors import CertificateError, UsageError
from landline.transport.newcertificates import MOST_DAYS, Pair, new_pair
from landline.transport.tls import ServerTls

KEY_MODE, CERTIFICATE_MODE, FOLDER_MODE = 0o600, 0o644, 0o700
CA = "ca"
CA_DAYS = 3650


def new_command(names: Sequence[str], ca: bool, signed_by: str | None, days: int, out: str) -> Exit:
    """Make keys and certificates; see `landline cert new --help`. Returns the exit code."""
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"--days cannot be {days}; it must be a whole number from 1 to {MOST_DAYS}")
    if ca and signed_by is not None:
        raise UsageError("--ca makes a new CA, and --signed-by takes one that is there; give one of the two")
    folder = Path(out)
    files = Writer(folder, [*((CA,) if ca else ()), file_name(names[0])])
    authority = None if signed_by is None else read_authority(Path(signed_by))
    if ca:
        authority = new_pair([f"{names[0]} CA"], max(days, CA_DAYS), is_authority=True)
    pair = new_pair(names, days, authority=authority)
    if ca and authority is not None:
        files.write(CA, authority)
    certificate, key = files.write(file_name(names[0]), pair)
    ca_file = folder / f"{CA}.pem" if ca else None if signed_by is None else Path(signed_by) / f"{CA}.pem"
    show(names, certificate, key, ca_file)
    return Exit.DONE


def show(names: Sequence[str], certificate: Path, key: Path, ca: Path | None) -> None:
    """Print where things are, the pin, and how to use them."""
    pin = ServerTls(certificate, key).pin
    if ca is not None:
        click.echo(f"ca           {ca}")
    click.echo(f"certificate  {certificate}")
    click.echo(f"key          {key}")
    click.echo(f"pin          {pin}")
    where = f"tls://{host_port(names[0].replace('*', 'any'), 8443)}"
    click.echo(f"\nserve:  landline serve echo 'tls://0.0.0.0:8443' --certificate {certificate} --key {key}")
    click.echo(f"call:   landline call '{where}?pin={pin}' hello")
    if ca is not None:
        click.echo(f"   or:  landline call {where} --ca {ca} hello")


def file_name(name: str) -> str:
    """A name of a certificate as the name of a file; it can be no path and not that of the CA."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "_", name.replace("*", "any")).lstrip(".-") or "certificate"
    return f"{cleaned}_" if cleaned == CA else cleaned


def read_authority(folder: Path) -> Pair:
    """The CA that an earlier run left in a folder. Raises CertificateError."""
    data = []
    for path in (folder / f"{CA}.pem", folder / f"{CA}.key"):
        try:
            data.append(path.read_bytes())
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise CertificateError(str(path), f"{reason}; make a CA with `landline cert new NAME --ca`") from error
    ServerTls(folder / f"{CA}.pem", folder / f"{CA}.key")  # says what is wrong with them
    return Pair(*data)


class Writer:
    """Writes pairs into a folder, each file with its mode from the first moment, and never over another."""

    def __init__(self, folder: Path, stems: Sequence[str]) -> None:
        self._folder = folder
        for stem in stems:
            for path in self._paths(stem):
                if os.path.lexists(path):
                    raise CertificateError(str(path), "it is there already, and is not overwritten; give another --out")

    def write(self, stem: str, pair: Pair) -> tuple[Path, Path]:
        """Write a pair as STEM.pem and STEM.key. Returns their paths. Raises CertificateError."""
        certificate, key = self._paths(stem)
        if not self._folder.is_dir():
            _make_folder(self._folder)
        _create(key, pair.key, KEY_MODE)
        _create(certificate, pair.certificate, CERTIFICATE_MODE)
        return certificate, key

    def _paths(self, stem: str) -> tuple[Path, Path]:
        return self._folder / f"{stem}.pem", self._folder / f"{stem}.key"


def _make_folder(folder: Path) -> None:
    # Those above too: whoever may write there could put a folder of his own in its place.
    missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    try:
        for one in reversed(missing or [folder]):
            one.mkdir(FOLDER_MODE, exist_ok=True)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise CertificateError(str(folder), f"this folder cannot be made: {reason}; give another --out") from error


def _create(path: Path, data: bytes, mode: int) -> None:
    # Made with its mode: a key that is open to all for a moment may be read in that moment. O_EXCL follows no link.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise CertificateError(str(path), f"cannot write it: {os.strerror(error.errno or 0).lower()}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
