"""Who we are in which chat, between runs."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from landline.chat.tokenfile import TokenFile, read_token, token_folder
from landline.errors import UsageError

WHERE = "tcp://chat.example.org:8110"


def test_a_token_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "landline" / "chat"
    kept = TokenFile(WHERE, "Anna", folder)
    assert kept.load() is None
    kept.save("first")
    kept.save("second")
    assert TokenFile(WHERE, "anna", folder).load() == "second"
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600 and stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [kept.path.name]


@pytest.mark.parametrize(("address", "nick"), [(WHERE, "bob"), ("tls://chat.example.org:8110", "anna")])
def test_each_address_and_nick_has_its_own(tmp_path: Path, address: str, nick: str) -> None:
    TokenFile(WHERE, "anna", tmp_path).save("secret")
    assert TokenFile(address, nick, tmp_path).load() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"token": 7}', b'{"token": ""}'])
def test_what_is_no_token_is_none(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    kept = TokenFile(WHERE, "anna", tmp_path)
    kept.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert kept.load() is None


def test_a_folder_that_cannot_be_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    TokenFile(WHERE, "anna", tmp_path / "file").save("secret")
    assert "cannot keep the token" in caplog.text and "secret" not in caplog.text


def test_where_tokens_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert token_folder() == tmp_path / "landline" / "chat"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert token_folder() == tmp_path / ".local" / "state" / "landline" / "chat"
    assert TokenFile(WHERE, "anna").path.parent == token_folder()


def test_the_file_of_a_bot(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"  abc \nmore\n")
    assert read_token(str(file)) == "abc"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot read the token file {path}: no such file or directory"),
        (b"\n", "the token file {path} holds no token in its first line; put there what /bot NAME has shown"),
        (b"\xff", "the token file {path} holds no token in its first line; put there what /bot NAME has shown"),
    ],
)
def test_a_file_without_a_token(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_token(str(file))
    assert str(caught.value) == problem.format(path=file)
