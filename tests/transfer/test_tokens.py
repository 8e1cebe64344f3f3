"""Tokens: what a file of them may hold, who is found by a proof, and what a change of the file does."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import threading
from pathlib import Path

import pytest

from landline.errors import TokenFileError
from landline.transfer.tokens import Grant, Tokens, new_token, prove, read_token

ANN, BOB = "a-token-of-ann-16", "b-token-of-bob-16"
CONTEXT = b"nonce" + bytes(32)


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.txt"


def test_a_file_of_tokens_is_read(file: Path) -> None:
    text = f"# who may send\n\nann {ANN}\n  bob\t{BOB}  inbox/of bob/\r\n   # {'x' * 20}\nc.d-e_f {'c' * 16} \xff"
    tokens = Tokens.load(write(file, text.encode("latin-1")))
    assert tokens.grants == (Grant("ann"), Grant("bob", b"inbox/of bob"), Grant("c.d-e_f", b"\xff"))
    assert tokens.find(prove(ANN, CONTEXT), CONTEXT) == Grant("ann")
    assert tokens.find(prove(BOB, CONTEXT), CONTEXT) == Grant("bob", b"inbox/of bob")


def test_a_proof_is_an_hmac_over_label_and_context() -> None:
    expected = hmac.new(ANN.encode(), b"landline transfer token\0" + CONTEXT, hashlib.sha256).digest()
    assert prove(ANN, CONTEXT) == expected


@pytest.mark.parametrize(
    "proof",
    [b"", bytes(32), prove(ANN, b"another"), prove(ANN, CONTEXT)[:-1], prove(ANN + "x", CONTEXT), ANN.encode()],
    ids=["none", "zeros", "another context", "cut", "another token", "the token itself"],
)
def test_a_wrong_proof_finds_nobody(file: Path, proof: bytes) -> None:
    assert Tokens.load(write(file, f"ann {ANN}\nbob {BOB}\n")).find(proof, CONTEXT) is None


def test_all_tokens_are_compared_whichever_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens.load(write(file, f"ann {ANN}\nbob {BOB}\n"))
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert tokens.find(prove(ANN, CONTEXT), CONTEXT) == Grant("ann")
    assert compared == [prove(ANN, CONTEXT), prove(BOB, CONTEXT)]


NAMES = "its first word is not a name; a name has 1 to 64 letters, digits, dots, dashes and underscores"
TOKENS = "a token has at least 16 characters, all of them printable ASCII and none a space, and this one has"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": it holds no token; add a line of the form NAME TOKEN [FOLDER]"),
        ("# nothing\n\n", ": it holds no token; add a line of the form NAME TOKEN [FOLDER]"),
        (f"\n{ANN}\n", ", line 2: it has one word; a line is NAME TOKEN [FOLDER]"),
        (f"a/b {ANN}", f", line 1: {NAMES}"),
        (f"{'a' * 65} {ANN}", f", line 1: {NAMES}"),
        ("ann short", f", line 1: {TOKENS} 5 bytes"),
        ("ann " + "\u00e9" * 16, f", line 1: {TOKENS} 32 bytes"),
        (f"ann {'x' * 1025}", f", line 1: {TOKENS} 1025 bytes"),
        (f"ann {ANN}\nann {BOB}", ", line 2: its name stands on line 1 already; give each its own"),
        (f"ann {ANN}\n\nbob {ANN}", ", line 3: its token stands on line 1 already; give each its own"),
        (f"ann {ANN} /etc", ", line 1: '/etc' is not a folder below the drop's; write for example inbox/ann"),
        (f"ann {ANN} a/../..", ", line 1: 'a/../..' is not a folder below the drop's; write for example inbox/ann"),
        (f"ann {ANN} ./a", ", line 1: './a' is not a folder below the drop's; write for example inbox/ann"),
        (f"ann {ANN} a//b", ", line 1: 'a//b' is not a folder below the drop's; write for example inbox/ann"),
        (f"ann {ANN} /", ", line 1: '/' is not a folder below the drop's; write for example inbox/ann"),
        (f"ann {ANN} a\0b", ", line 1: 'a\\x00b' is not a folder below the drop's; write for example inbox/ann"),
        ("#" * (1 << 20) + "#", ": it has more than 1048576 bytes; is it the right file?"),
    ],
)
def test_a_mistake_in_the_file_is_told(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(TokenFileError) as caught:
        Tokens.load(write(file, text))
    assert str(caught.value) == f"token file {file}{sentence}"
    assert ANN not in str(caught.value) and BOB not in str(caught.value)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o601, 0o644, 0o666])
def test_a_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "my tokens", f"ann {ANN}\n", mode)
    for read in (Tokens.load, read_token):
        with pytest.raises(TokenFileError) as caught:
            read(path)
        assert str(caught.value) == (
            f"token file {path}: others than its owner may read or change it (mode {mode:03o}); run: chmod 600 '{path}'"
        )


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_alone_is_read(file: Path, mode: int) -> None:
    assert Tokens.load(write(file, f"ann {ANN}\n", mode)).grants == (Grant("ann"),)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError) as caught:
        Tokens.load(tmp_path / "none")
    assert str(caught.value) == f"token file {tmp_path}/none: there is no such file"
    with pytest.raises(TokenFileError) as caught:
        read_token(tmp_path)
    assert str(caught.value) == f"token file {tmp_path}: is a directory"


@pytest.mark.parametrize(
    "text",
    [f"  {ANN} \nand notes\n", f"ann {ANN}\n", f"# NAME TOKEN FOLDER\n\nann\t{ANN}  inbox/of ann\nbob {BOB}", ANN],
    ids=["alone", "with its name", "as the drop has it", "no line end"],
)
def test_a_sender_takes_the_first_token_of_its_file(file: Path, text: str) -> None:
    """What the owner of the drop has in his file may be handed on as it is."""
    assert read_token(write(file, text)) == ANN


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\n# later\n", ": it holds no token; write it on the first line"),
        ("\nshort\n", f", line 2: {TOKENS} 5 bytes"),
        ("ann short", f", line 1: {TOKENS} 5 bytes"),
    ],
)
def test_a_file_without_a_token_is_told_to_its_sender(file: Path, text: str, problem: str) -> None:
    with pytest.raises(TokenFileError) as caught:
        read_token(write(file, text))
    assert str(caught.value) == f"token file {file}{problem}"


def test_a_token_may_come_through_a_pipe(tmp_path: Path) -> None:
    """`--token-file <(pass show drop)`: the token need not lie on a disk."""
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    writer = threading.Thread(target=path.write_text, args=(f"{ANN}\n",))
    writer.start()
    assert read_token(path) == ANN
    writer.join()


def test_new_tokens_are_long_and_differ() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", token) for token in made)


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """As editors do it: a new file takes the place of the old one."""
    os.replace(write(path.with_suffix(".new"), text, mode), path)


def test_a_token_that_was_taken_out_opens_nothing_any_more(file: Path) -> None:
    tokens = Tokens.load(write(file, f"ann {ANN}\nbob {BOB}\n"))
    replace(file, f"bob {BOB}\n")
    assert tokens.find(prove(ANN, CONTEXT), CONTEXT) is None
    assert tokens.find(prove(BOB, CONTEXT), CONTEXT) == Grant("bob")


def test_reload_says_whether_other_tokens_are_in_force(file: Path) -> None:
    tokens = Tokens.load(write(file, f"ann {ANN}\n"))
    assert not tokens.reload()
    replace(file, f"# the same\nann {ANN}\n")
    assert not tokens.reload()
    replace(file, f"bob {BOB}\n")
    assert tokens.reload()
    assert not tokens.reload()
    assert tokens.grants == (Grant("bob"),)


def test_a_broken_new_file_keeps_the_tokens_from_before(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens.load(write(file, f"ann {ANN}\n"))
    replace(file, "ann short\n")
    with caplog.at_level(logging.ERROR, "landline.transfer"):
        for _ in range(3):
            assert tokens.find(prove(ANN, CONTEXT), CONTEXT) == Grant("ann")
        assert [record.getMessage() for record in caplog.records] == [
            f"token file {file}, line 1: {TOKENS} 5 bytes; the tokens from before stay in force"
        ]
        file.unlink()
        assert not tokens.reload()
        assert not tokens.reload()
        assert caplog.records[1].getMessage() == (
            f"token file {file}: there is no such file; the tokens from before stay in force"
        )
        assert len(caplog.records) == 2
    write(file, f"bob {BOB}\n")
    assert tokens.find(prove(ANN, CONTEXT), CONTEXT) is None


def test_a_file_that_is_opened_to_others_is_told_at_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    tokens = Tokens.load(write(file, f"ann {ANN}\n"))
    file.chmod(0o644)
    os.utime(file, ns=(0, 0))
    with caplog.at_level(logging.ERROR, "landline.transfer"):
        assert not tokens.reload()
    assert "(mode 644); run: chmod 600" in caplog.text


def test_tokens_show_nothing_of_themselves(file: Path) -> None:
    assert repr(Tokens.load(write(file, f"ann {ANN}\n"))) == f"<Tokens {file}>"
