"""Identity: made once and kept, whoever starts first; where it is kept; and where a key must not lie."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from landline.errors import CertificateError, UsageError
from landline.transfer import identity as module
from landline.transfer.identity import (
    Identity,
    check_outside,
    data_folder,
    load_identity,
    passing_identity,
    state_folder,
)
from landline.transport.newcertificates import new_pair
from landline.transport.tls import ServerTls, pin_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test: nobody's real identity is read or made."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return place


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids="umask {:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folders_are_those_of_xdg(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder() == home / ".local/share/landline"
    assert state_folder() == home / ".local/state/landline"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert data_folder() == tmp_path / "d/landline"
    assert state_folder() == tmp_path / "s/landline"
    assert mode(tmp_path / "d/landline") == mode(tmp_path / "s") == 0o700


@pytest.mark.parametrize("value", ["", "relative/path", "~/x", "."])
def test_a_path_that_is_not_absolute_is_ignored(home: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", value)
    assert data_folder() == home / ".local/share/landline"


@pytest.mark.usefixtures("umask")
def test_modes_do_not_depend_on_the_umask(home: Path) -> None:
    identity = load_identity()
    folder = home / ".local/share/landline"
    assert [mode(identity.certificate), mode(identity.key)] == [0o644, 0o600]
    assert [mode(folder), mode(folder.parent), mode(home / ".local")] == [0o700] * 3
    assert sorted(path.name for path in folder.iterdir()) == ["identity.key", "identity.pem"]


def test_a_folder_that_is_there_keeps_its_mode(home: Path) -> None:
    (home / ".local").mkdir()
    (home / ".local").chmod(0o755)
    data_folder()
    assert mode(home / ".local") == 0o755


def test_a_folder_that_cannot_be_made_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "file"))
    with pytest.raises(UsageError) as caught:
        state_folder()
    assert str(caught.value) == (
        f"cannot make the folder {home}/file/landline: not a directory; "
        "set XDG_STATE_HOME to a folder that you may write to"
    )
    with pytest.raises(UsageError) as caught:
        load_identity(home / "file")
    assert str(caught.value) == f"cannot make the folder {home}/file: not a directory; choose another folder"


def test_without_a_home_there_is_one_thing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(UsageError) as caught:
        data_folder()
    assert str(caught.value) == ("this user has no home directory to keep things in; set XDG_DATA_HOME to a folder")


def test_an_identity_is_made_once_and_kept(tmp_path: Path) -> None:
    first = load_identity(tmp_path / "a/b")
    again = load_identity(tmp_path / "a/b")
    assert first == again
    assert first != load_identity(tmp_path / "other")
    assert first.certificate == tmp_path / "a/b/identity.pem" and first.key == tmp_path / "a/b/identity.key"


def test_an_identity_is_what_a_server_shows(tmp_path: Path) -> None:
    identity = load_identity(tmp_path)
    tls = ServerTls(identity.certificate, identity.key)
    assert tls.pin == identity.pin == pin_of(identity.der)
    assert tls.certificates[0].dns_names == ("landline",)
    assert 3640 * 86400 < tls.certificates[0].not_after - identity.key.stat().st_mtime < 3660 * 86400


def test_the_key_is_not_shown() -> None:
    shown = repr(Identity(Path("c"), Path("k"), "sha256:0", b"der"))
    assert "der" not in shown


def test_many_threads_at_once_end_with_one_identity(tmp_path: Path) -> None:
    found: list[Identity] = []
    barrier = threading.Barrier(6)

    def load() -> None:
        barrier.wait()
        found.append(load_identity(tmp_path / "new"))

    threads = [threading.Thread(target=load) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and len(set(found)) == 1
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["identity.key", "identity.pem"]


def test_two_processes_at_once_end_with_one_identity(home: Path) -> None:
    program = (
        "import os; os.umask(0); input(); from landline.transfer.identity import load_identity;"
        "print(load_identity().pin)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("\n")
        run.stdin.flush()
    pins = {run.communicate()[0].strip() for run in runs}
    assert pins == {load_identity().pin}


@pytest.mark.parametrize("moment", ["before the key", "between key and certificate"])
def test_a_crash_while_it_is_made_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    class Crash(BaseException):
        pass

    link = os.link
    links: list[str] = []

    def failing(source: str, target: Path) -> None:
        if len(links) == (moment != "before the key"):
            raise Crash
        links.append(target.name)
        link(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", failing)
        with pytest.raises(Crash):
            load_identity(tmp_path)
    assert links == ([] if moment == "before the key" else ["identity.key"])
    assert load_identity(tmp_path) == load_identity(tmp_path)


def test_a_loser_of_the_race_takes_what_the_winner_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process puts its key in place while we are still making ours."""
    make = new_pair
    winners: list[Identity] = []

    def slow(names: list[str], days: float) -> object:
        if not winners:
            monkeypatch.setattr(module, "new_pair", make)
            winners.append(load_identity(tmp_path))
        return make(names, days)

    monkeypatch.setattr(module, "new_pair", slow)
    assert load_identity(tmp_path) == winners[0]


def way_out(folder: Path) -> str:
    return (
        f"put back the two files of your identity, or move {folder}/identity.pem and {folder}/identity.key away "
        "to have a new one made, whose pin your peers then have to learn"
    )


def broken(folder: Path) -> str:
    with pytest.raises(CertificateError) as caught:
        load_identity(folder)
    return str(caught.value)


def test_a_lost_key_is_told(tmp_path: Path) -> None:
    load_identity(tmp_path).key.unlink()
    assert broken(tmp_path) == f"certificate file {tmp_path}/identity.key: there is no such file; {way_out(tmp_path)}"


def test_a_key_without_any_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "identity.key").write_bytes(new_pair(["x"], 1).key)
    assert broken(tmp_path) == f"certificate file {tmp_path}/identity.pem: there is no such file; {way_out(tmp_path)}"


def test_a_lost_certificate_is_taken_from_beside_the_key(tmp_path: Path) -> None:
    identity = load_identity(tmp_path)
    identity.certificate.unlink()
    assert load_identity(tmp_path) == identity
    assert mode(identity.certificate) == 0o644


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("identity.pem", b"", "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"),
        ("identity.key", b"", "it holds no key"),
        ("identity.pem", None, "the key does not belong to the certificate; give the two that were made together"),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, file: str, text: bytes | None, problem: str) -> None:
    load_identity(tmp_path)
    (tmp_path / file).write_bytes(new_pair(["x"], 1).certificate if text is None else text)
    told = "identity.key" if text is None else file
    assert broken(tmp_path) == f"certificate file {tmp_path}/{told}: {problem}; {way_out(tmp_path)}"


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_identity(tmp_path).key.chmod(0o640)
    assert broken(tmp_path) == (
        f"certificate file {tmp_path}/identity.key: others than its owner may read or change it (mode 640); "
        f"run: chmod 600 {tmp_path}/identity.key"
    )


def test_a_file_system_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    folder = tmp_path / "new"
    with pytest.raises(UsageError) as caught:
        load_identity(folder)
    assert str(caught.value) == f"cannot keep an identity in {folder}: operation not permitted; choose another folder"
    assert list(folder.iterdir()) == []


def test_a_passing_identity_serves_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "home"))
    before = os.umask(0)
    try:
        with passing_identity() as identity:
            tls = ServerTls(identity.certificate, identity.key)
            assert mode(identity.key) == 0o600 and mode(identity.key.parent) == 0o700
    finally:
        os.umask(before)
    assert not identity.key.parent.exists()
    assert tls.pin == identity.pin == pin_of(identity.der)
    assert isinstance(tls.context, ssl.SSLContext)
    with passing_identity() as other:
        assert other.pin != identity.pin


def test_a_passing_identity_needs_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(UsageError) as caught, passing_identity():
        pass
    assert str(caught.value) == (
        "cannot write a temporary file: no such file or directory; set TMPDIR to a folder for them"
    )


def in_reach(identity: Identity, directory: Path | str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        check_outside(identity, directory)
    return str(caught.value)


def test_a_key_outside_of_the_drop_is_let_be(tmp_path: Path) -> None:
    identity = load_identity(tmp_path / "keys")
    for name in ("drop", "keys-of-others", "not/there/yet"):
        check_outside(identity, tmp_path / name)
    check_outside(identity, os.fsencode(tmp_path / "keys/below"))


def test_a_key_inside_of_the_drop_is_refused(tmp_path: Path) -> None:
    """Uploads that landed beside the server's key have happened to others."""
    identity = load_identity(tmp_path / "drop/keys")
    sentence = (
        f"the key {tmp_path}/drop/keys/identity.key lies inside {tmp_path}/drop, where others may put files; "
        "keep keys outside of what is shared, or receive into another directory"
    )
    assert in_reach(identity, tmp_path / "drop") == sentence
    assert in_reach(identity, os.fsencode(tmp_path / "drop/x/..")) == sentence
    for directory in (tmp_path / "drop/keys", tmp_path, "/"):
        assert "lies inside" in in_reach(identity, directory)


def test_links_do_not_hide_a_key(tmp_path: Path) -> None:
    identity = load_identity(tmp_path / "drop/keys")
    (tmp_path / "keys").symlink_to("drop/keys")
    (tmp_path / "shared").symlink_to("drop")
    linked = Identity(tmp_path / "keys/identity.pem", tmp_path / "keys/identity.key", identity.pin)
    assert "lies inside" in in_reach(linked, tmp_path / "drop")
    assert "lies inside" in in_reach(identity, tmp_path / "shared")


def test_a_link_to_the_key_inside_of_the_drop_is_refused(tmp_path: Path) -> None:
    """Who may replace the link, has replaced the key."""
    identity = load_identity(tmp_path / "keys")
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop/identity.key").symlink_to(identity.key)
    linked = Identity(identity.certificate, tmp_path / "drop/identity.key", identity.pin)
    assert "lies inside" in in_reach(linked, tmp_path / "drop")
