"""`landline cert new`: what it makes works, is readable by nobody else, and overwrites nothing."""

from __future__ import annotations

import builtins
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from landline.cli.cert import file_name
from landline.transport.tls import ServerTls
from tests.cli.conftest import Command, serving
from tests.services import upper


def mode_of(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def pin_in(output: bytes) -> str:
    """The pin that was printed."""
    (line,) = [line for line in output.decode().splitlines() if line.startswith("pin")]
    return line.split()[1]


def test_a_certificate_that_signs_itself(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "keys" / "here"
    ended = command("cert", "new", "localhost", "127.0.0.1", "--out", str(folder))
    assert (ended.code, ended.err) == (0, "")
    certificate, key = folder / "localhost.pem", folder / "localhost.key"
    assert (mode_of(folder), mode_of(key), mode_of(certificate)) == (0o700, 0o600, 0o644)
    tls = ServerTls(certificate, key)
    assert tls.pin == pin_in(ended.out)
    (said,) = tls.certificates
    assert (said.dns_names, said.ip_addresses) == (("localhost",), ("127.0.0.1",))
    call_line = f"landline call 'tls://localhost:8443?pin={tls.pin}' hello"
    assert call_line in ended.out.decode()
    with serving(upper().with_options(tls=tls), "tls://127.0.0.1:0") as (address,):
        called = command("call", f"{address}?pin={tls.pin}", "hello")
        assert (called.code, called.out) == (0, b"HELLO\n")
        by_ca = command("call", str(address), "hello", "--ca", str(certificate))
        assert (by_ca.code, by_ca.out) == (0, b"HELLO\n")


def test_a_ca_and_what_it_signs_later(command: Command, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert command("cert", "new", "localhost", "127.0.0.1", "--ca", "--out", str(ours)).code == 0
    assert sorted(path.name for path in ours.iterdir()) == ["ca.key", "ca.pem", "localhost.key", "localhost.pem"]
    assert mode_of(ours / "ca.key") == 0o600
    assert command("cert", "new", "client.example", "--signed-by", str(ours), "--out", str(theirs)).code == 0
    tls = ServerTls(ours / "localhost.pem", ours / "localhost.key", client_ca=ours / "ca.pem")
    shown = ("--certificate", str(theirs / "client.example.pem"), "--key", str(theirs / "client.example.key"))
    with serving(upper().with_options(tls=tls), "tls://127.0.0.1:0") as (address,):
        called = command("call", str(address), "hello", "--ca", str(ours / "ca.pem"), *shown)
        assert (called.code, called.out) == (0, b"HELLO\n")
        refused = command("call", str(address), "hello", "--ca", str(ours / "ca.pem"))
        assert refused.code == 5
        assert refused.sentence == (
            f"cannot connect to {address}: it asks for a certificate, and we have shown none; give one"
        )


def test_nothing_is_overwritten(command: Command, tmp_path: Path) -> None:
    command("cert", "new", "localhost", "--out", str(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    ended = command("cert", "new", "localhost", "--ca", "--out", str(tmp_path))
    assert ended.code == 2
    problem = "it is there already, and is not overwritten; give another --out"
    assert ended.sentence == f"certificate file {tmp_path}/localhost.pem: {problem}"
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_link_is_not_followed(command: Command, tmp_path: Path) -> None:
    (tmp_path / "localhost.key").symlink_to(tmp_path / "elsewhere")
    assert command("cert", "new", "localhost", "--out", str(tmp_path)).code == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a b"], "'a b' cannot stand in a certificate; give a DNS name such as example.org, or an IP address"),
        (["bücher.example"], "'bücher.example' cannot stand in a certificate; give a DNS name such as example.org, "
         "or an IP address"),
        (["a", "--days", "0"], "--days cannot be 0; it must be a whole number from 1 to 36500"),
        (["a", "--ca", "--signed-by", "x"], "--ca makes a new CA, and --signed-by takes one that is there; "
         "give one of the two"),
        (["a", "--signed-by", "nowhere"], "certificate file nowhere/ca.pem: no such file or directory; "
         "make a CA with `landline cert new NAME --ca`"),
    ],
)  # fmt: skip
def test_what_cannot_be_made(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = command("cert", "new", *arguments)
    assert (ended.code, ended.sentence) == (2, sentence)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    ended = command("cert", "new", "a", "--out", str(tmp_path / "file" / "x"))
    assert (
        ended.sentence
        == f"certificate file {tmp_path}/file/x: this folder cannot be made: not a directory; give another --out"
    )


def test_all_new_folders_are_closed_to_others(command: Command, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert command("cert", "new", "a", "--out", str(tmp_path / "one" / ".." / "two" / "three")).code == 0
    finally:
        os.umask(before)
    for folder in (tmp_path / "one", tmp_path / "two", tmp_path / "two" / "three"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_the_package_the_extra_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **others: Any) -> Any:
        if name.partition(".")[0] == "cryptography":
            raise ImportError(name)
        return real(name, *arguments, **others)

    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    ended = command("cert", "new", "a")
    assert ended.sentence == (
        "making certificates needs the package cryptography; install it with: pip install 'landline[tls]'"
    )


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.example", "a.example"), ("*.a", "any.a"), ("::1", "__1"), ("ca", "ca_"), (".-", "certificate")],
)
def test_file_names(name: str, stem: str) -> None:
    assert file_name(name) == stem


def test_the_mode_holds_from_the_first_moment(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, int] = {}
    real = os.fdopen

    def look(descriptor: int, mode: str) -> Any:
        seen[os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))] = stat.S_IMODE(os.fstat(descriptor).st_mode)
        return real(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", look)
    assert command("cert", "new", "a", "--out", str(tmp_path / "x")).code == 0
    assert seen == {"a.key": 0o600, "a.pem": 0o644}
