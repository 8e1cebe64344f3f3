"""The first words on a control connection: versions, and who is who. docs/wire/transfer.md has them in order."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from landline.errors import TransferError
from landline.transfer.code import Code
from landline.transfer.faults import Fault
from landline.transfer.link import ControlLink
from landline.transfer.manifest import known_digests
from landline.transfer.pairing import OneGuess, Pairing
from landline.transfer.tokens import Grant, Tokens, prove
from landline.transfer.wire import Bye, Confirm, Hello, Message, Pair, Refuse, Token, WireError, common_version

GREETING_SECONDS = 10.0
"""From the first byte to the last of a greeting; absolute, so a byte now and then does not buy more time."""
TRUSTED = "trusted-link"
NEEDS_TOKEN, BY_CODE, AGAIN = "token", "code", "again"

Kind = TypeVar("Kind", bound=Message)


class Refused(TransferError):
    """The other side said no. `peer` is who, `fault` why in one word, `detail` why in a sentence."""

    def __init__(self, peer: str, fault: Fault, detail: str) -> None:
        super().__init__(peer, fault, detail)
        self.peer = peer
        self.fault = fault
        self.detail = detail

    def __str__(self) -> str:
        why = "" if self.fault is Fault.REFUSED else f" ({self.fault.value})"
        return f"{self.peer} refuses{why}: {self.detail or 'it gives no reason'}"


class Greeted(NamedTuple):
    """What a greeting led to: the peer's first word, what proves the same peer later (code only), its token's grant."""

    hello: Hello
    secret: bytes
    grant: Grant | None


class Proof(NamedTuple):
    """How the calling side shows who it is: a token, a code, or the secret of an earlier greeting; or not at all."""

    token: str | None = None
    code: Code | None = None
    secret: bytes | None = None


def my_hello(role: str, purpose: str, trusted: bool, *features: str) -> Hello:
    """The first word of this side."""
    offered = [*features, *([TRUSTED] if trusted else [])]
    return Hello(role, purpose, (1, 1), list(known_digests()), offered, secrets.token_bytes(16), "landline")  # type: ignore[arg-type]


def call_out(link: ControlLink, mine: Hello, certificate: bytes, proof: Proof, deadline: float) -> Greeted:
    """Greet as the side that calls. `certificate` is what the other side has shown (DER), `deadline` of time.monotonic.

    Raises Refused, PairingFailed, WireError, ConnectionClosed or WaitTimeout.
    """
    if proof.secret is not None:
        mine = _with_feature(mine, AGAIN)
    link.post(mine)
    theirs = expect(link, Hello, deadline)
    _check_hello(mine, theirs)
    secret = b""
    if proof.secret is not None:
        link.post(Token(_again(proof.secret, theirs.nonce, certificate)))
        secret = proof.secret
    elif BY_CODE in theirs.features:
        if proof.code is None:
            raise Refused(link.peer, Fault.REFUSED, "it asks for a code; type `landline receive` and the code")
        secret = _pair_as_caller(link, Pairing(proof.code, True, mine.purpose.encode(), certificate), deadline)
    elif NEEDS_TOKEN in theirs.features:
        if proof.token is None:
            raise Refused(link.peer, Fault.REFUSED, "it asks for a token; give the file that holds yours: --token-file")
        link.post(Token(prove(proof.token, token_context(theirs.nonce, certificate))))
    link.trust()
    return Greeted(theirs, secret, None)


class Judge(NamedTuple):
    """How the listening side finds out who calls: by tokens, by a code with one guess, or not at all.

    `secrets` are those of callers that were let in before, so that they may come again without a code.
    """

    tokens: Tokens | None = None
    code: Code | None = None
    guess: OneGuess | None = None
    secrets: Callable[[], list[bytes]] = list


def answer(link: ControlLink, theirs: Hello, mine: Hello, certificate: bytes, judge: Judge, deadline: float) -> Greeted:
    """Greet as the side that listens; `theirs` has come, `certificate` is our own (DER).

    Raises Refused if the caller is not let in (it was told), PairingFailed, WireError, ConnectionClosed or WaitTimeout.
    """
    again = AGAIN in theirs.features and bool(judge.secrets())
    if judge.code is not None and not again:
        mine = _with_feature(mine, BY_CODE)
    elif judge.tokens is not None:
        mine = _with_feature(mine, NEEDS_TOKEN)
    try:
        _check_hello(mine, theirs)
    except WireError as error:
        raise refusal(link, Fault.VERSION, error.problem) from error
    link.post(mine)
    secret, grant = b"", None
    if again:
        proof = expect(link, Token, deadline).proof
        found = [one for one in judge.secrets() if hmac.compare_digest(proof, _again(one, mine.nonce, certificate))]
        if not found:
            raise refusal(link, Fault.REFUSED, "this is not who was here before")
        secret = found[0]
    elif judge.code is not None and judge.guess is not None:
        secret = _pair_as_listener(link, judge.code, judge.guess, mine.purpose.encode(), certificate, deadline)
    elif judge.tokens is not None:
        grant = judge.tokens.find(expect(link, Token, deadline).proof, token_context(mine.nonce, certificate))
        if grant is None:
            raise refusal(link, Fault.REFUSED, "no token of this drop is like yours; ask its owner for one")
    link.trust()
    return Greeted(theirs, secret, grant)


def expect(link: ControlLink, kind: type[Kind], deadline: float) -> Kind:
    """The next message, which must be of this kind. Raises Refused or WireError if it is another."""
    message = link.receive(deadline)
    if isinstance(message, kind):
        return message
    if isinstance(message, Refuse) or (isinstance(message, Bye) and message.fault is not None):
        raise Refused(link.peer, message.fault or Fault.REFUSED, message.detail)
    raise WireError(f"a {type(message).__name__} where a {kind.__name__} must come")


def refusal(link: ControlLink, fault: Fault, detail: str) -> Refused:
    """Tell the peer no; returns what to raise."""
    link.post(Refuse(fault, detail[:4000]))
    link.flush(1.0)
    return Refused("this side", fault, detail)


def token_context(nonce: bytes, certificate: bytes) -> bytes:
    """What a proof of a token is bound to: this greeting and the certificate of the listening side."""
    return nonce + hashlib.sha256(certificate).digest()


def _check_hello(mine: Hello, theirs: Hello) -> None:
    common_version(theirs.versions)
    if theirs.role == mine.role:
        raise WireError(f"both sides want to {mine.role}")
    if theirs.purpose != mine.purpose:
        raise WireError(f"it came for a {theirs.purpose}, and this is a {mine.purpose}")
    if not set(theirs.digests) & set(mine.digests):
        raise WireError(f"it has no digest that is known here, of {', '.join(mine.digests)}")


def _with_feature(hello: Hello, feature: str) -> Hello:
    return Hello(hello.role, hello.purpose, hello.versions, hello.digests, [*hello.features, feature], hello.nonce,
                 hello.software)  # fmt: skip


def _pair_as_caller(link: ControlLink, pairing: Pairing, deadline: float) -> bytes:
    link.post(Pair(pairing.message))
    pairing.take(expect(link, Pair, deadline).message)
    link.post(Confirm(pairing.confirmation))
    pairing.check(expect(link, Confirm, deadline).proof)
    return pairing.secret


def _pair_as_listener(
    link: ControlLink, code: Code, guess: OneGuess, purpose: bytes, certificate: bytes, deadline: float
) -> bytes:
    """The caller has to show first that it has the code: so a guess costs it the code, and shows it nothing."""
    message = expect(link, Pair, deadline).message
    guess.take()
    pairing = Pairing(code, False, purpose, certificate)
    pairing.take(message)
    link.post(Pair(pairing.message))
    pairing.check(expect(link, Confirm, deadline).proof)
    guess.accept()
    link.post(Confirm(pairing.confirmation))
    return pairing.secret


def _again(secret: bytes, nonce: bytes, certificate: bytes) -> bytes:
    return hmac.digest(secret, b"landline again\0" + token_context(nonce, certificate), "sha256")
