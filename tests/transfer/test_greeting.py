"""The first words: roles, versions, tokens, codes, and coming again."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from landline.errors import CodeBurnt, ConnectionClosed, PairingFailed, WaitTimeout
from landline.transfer.code import Code
from landline.transfer.faults import Fault
from landline.transfer.greeting import Greeted, Judge, Proof, Refused, answer, call_out, expect, my_hello
from landline.transfer.link import ControlLink
from landline.transfer.pairing import OneGuess
from landline.transfer.tokens import Tokens
from landline.transfer.wire import Bye, Hello, Message, Offer, Page, Refuse, WireError, encode

CERTIFICATE = b"a certificate in DER"
CODE = Code(4821, ("ocean", "maple", "brick"))
TOKEN = "a-token-of-24-characters"


@contextlib.contextmanager
def two_links() -> Iterator[tuple[ControlLink, ControlLink]]:
    """Both ends of a connection."""
    ours, theirs = socket.socketpair()
    one, other = ControlLink(ours, "the caller"), ControlLink(theirs, "the listener")
    try:
        yield one, other
    finally:
        one.close()
        other.close()


def soon() -> float:
    """A deadline that no test reaches."""
    return time.monotonic() + 20


class Both:
    """What a greeting led to on both sides: a result or an error each."""

    def __init__(
        self, judge: Judge, proof: Proof, *, theirs: Hello | None = None, certificate: bytes = CERTIFICATE,
        mine: Hello | None = None,
    ) -> None:  # fmt: skip
        self.listener: Greeted | Exception | None = None
        with two_links() as (listening, calling):
            thread = threading.Thread(
                target=self._listen, args=(listening, judge, mine or my_hello("receive", "drop", False))
            )
            thread.start()
            try:
                hello = theirs or my_hello("send", "drop", False)
                self.caller: Greeted | Exception = call_out(calling, hello, certificate, proof, soon())
                calling.flush(5)
            except Exception as error:
                self.caller = error
                calling.close(0.2)
            thread.join()

    def _listen(self, link: ControlLink, judge: Judge, mine: Hello) -> None:
        try:
            hello = expect(link, Hello, soon())
            self.listener = answer(link, hello, mine, CERTIFICATE, judge, soon())
            link.flush(5)
        except Exception as error:
            self.listener = error
            link.close(0.2)


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """One token."""
    path = tmp_path / "tokens"
    path.write_text(f"ann {TOKEN} inbox\n")
    path.chmod(0o600)
    return Tokens.load(path)


def test_an_open_drop_asks_for_nothing() -> None:
    both = Both(Judge(), Proof())
    assert isinstance(both.listener, Greeted)
    assert isinstance(both.caller, Greeted)
    assert both.listener.hello.role == "send"
    assert (both.listener.secret, both.listener.grant) == (b"", None)


def test_a_token_opens_its_folder(tokens: Tokens) -> None:
    both = Both(Judge(tokens=tokens), Proof(token=TOKEN))
    assert isinstance(both.listener, Greeted)
    assert both.listener.grant is not None
    assert both.listener.grant.folder == b"inbox"


def test_a_wrong_token_is_refused(tokens: Tokens) -> None:
    both = Both(Judge(tokens=tokens), Proof(token=TOKEN.upper()))
    assert isinstance(both.listener, Refused)
    assert both.listener.fault is Fault.REFUSED


def test_a_token_is_good_for_one_certificate(tokens: Tokens) -> None:
    both = Both(Judge(tokens=tokens), Proof(token=TOKEN), certificate=b"that of somebody in the middle")
    assert isinstance(both.listener, Refused)


def test_who_has_no_token_hears_what_is_missing(tokens: Tokens) -> None:
    both = Both(Judge(tokens=tokens), Proof())
    assert isinstance(both.caller, Refused)
    assert "it asks for a token" in str(both.caller)
    assert isinstance(both.listener, ConnectionClosed)


def by_code(
    code: Code, guess: OneGuess, certificate: bytes = CERTIFICATE, secrets: list[bytes] | None = None, **more: bytes
) -> Both:
    """Greet with a code, or with a secret."""
    judge = Judge(code=CODE, guess=guess, secrets=lambda: secrets or [])
    hello = my_hello("receive", "code", False)
    proof = Proof(secret=more["secret"]) if more else Proof(code=code)
    return Both(judge, proof, theirs=hello, certificate=certificate, mine=my_hello("send", "code", False))


def test_a_code_gives_both_the_same_secret_and_is_spent() -> None:
    guess = OneGuess()
    both = by_code(CODE, guess)
    assert isinstance(both.listener, Greeted)
    assert isinstance(both.caller, Greeted)
    assert both.listener.secret == both.caller.secret != b""
    again = by_code(CODE, guess)
    assert isinstance(again.listener, CodeBurnt)
    known = by_code(CODE, guess, secrets=[b"other", both.listener.secret], secret=both.listener.secret)
    assert isinstance(known.listener, Greeted)
    assert known.listener.secret == both.listener.secret
    stranger = by_code(CODE, guess, secrets=[both.listener.secret], secret=b"guessed")
    assert isinstance(stranger.listener, Refused)


@pytest.mark.parametrize("how", ["words", "certificate"])
def test_a_wrong_guess_burns_the_code(how: str) -> None:
    guess = OneGuess()
    wrong = Code(4821, ("brick", "maple", "ocean")) if how == "words" else CODE
    both = by_code(wrong, guess, CERTIFICATE if how == "words" else b"that of somebody in the middle")
    assert isinstance(both.listener, PairingFailed)
    assert not isinstance(both.caller, Greeted)
    assert guess.spent
    assert not guess.used


def test_who_has_no_code_hears_what_is_missing() -> None:
    judge = Judge(code=CODE, guess=OneGuess())
    hello = my_hello("receive", "code", False)
    both = Both(judge, Proof(), theirs=hello, mine=my_hello("send", "code", False))
    assert isinstance(both.caller, Refused)
    assert "it asks for a code" in str(both.caller)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"role": "receive"}, "both sides want to receive"),
        ({"purpose": "code"}, "it came for a code, and this is a drop"),
        ({"versions": (7, 9)}, "it speaks the versions 7 to 9"),
        ({"digests": ["md5"]}, "it has no digest that is known here"),
    ],
)
def test_what_does_not_fit_is_told(change: dict[str, object], sentence: str) -> None:
    hello = msgspec.structs.replace(my_hello("send", "drop", False), **change)
    with two_links() as (listening, calling):
        calling.post(hello)
        calling.flush(5)
        theirs = expect(listening, Hello, soon())
        with pytest.raises(Refused, match=sentence):
            answer(listening, theirs, my_hello("receive", "drop", False), CERTIFICATE, Judge(), soon())
        with pytest.raises(Refused, match=sentence):
            expect(calling, Hello, soon())


@pytest.mark.parametrize(
    ("message", "kind", "sentence"),
    [
        (Refuse(Fault.BUSY, "later"), Refused, "refuses .busy.: later"),
        (Bye(Fault.STOPPED), Refused, "it gives no reason"),
        (Refuse(Fault.REFUSED, "no"), Refused, "refuses: no"),
        (Page(0, []), WireError, "a Page where a Offer must come"),
        (Bye(), WireError, "a Bye where a Offer must come"),
    ],
)
def test_another_word_than_expected(message: Message, kind: type[Exception], sentence: str) -> None:
    with two_links() as (one, other):
        one.post(message)
        one.flush(5)
        with pytest.raises(kind, match=sentence):
            expect(other, Offer, soon())


def test_a_greeting_has_one_deadline_and_small_frames() -> None:
    with two_links() as (one, other):
        with pytest.raises(WaitTimeout):
            expect(other, Hello, time.monotonic())
        one.sock.send(encode(Page(0, []))[:4] + (2**20).to_bytes(4))
        with pytest.raises(WireError, match="where 4096 are the most"):
            expect(other, Hello, soon())
