"""Errors: the sentence of each, its fields, its place in the tree, and that it survives pickling."""

import pickle
import re

import pytest

from landline import errors
from landline.errors import (
    AddressError,
    CertificateError,
    CodeBurnt,
    CodeError,
    ConnectError,
    ConnectionClosed,
    FramingError,
    FramingSpecError,
    IdentityRefused,
    LandlineError,
    LimitError,
    ListenError,
    MalformedMessage,
    MessageRejected,
    MessageTooLarge,
    NameRefused,
    PairingFailed,
    QueueFull,
    Reason,
    RelayError,
    RequestRefused,
    ServiceError,
    TokenFileError,
    TransferError,
    TruncatedMessage,
    UnfitMessage,
    UnfitValue,
    UnframableMessage,
    UsageError,
    WaitTimeout,
)

SENTENCES: dict[str, LandlineError] = {
    "the port of 'tcp://x' is missing; write for example tcp://127.0.0.1:8101": AddressError(
        "tcp://x", "port", "is missing", "tcp://127.0.0.1:8101"
    ),
    "framing 'fixed:0': size 0 is not from 1 to 2147483648": FramingSpecError(
        "fixed:0", "size 0 is not from 1 to 2147483648"
    ),
    "drain_seconds cannot be -1; it must be a number from 0 to 86400": LimitError(
        "drain_seconds", -1, "a number from 0 to 86400"
    ),
    "certificate file server.pem: it holds no key": CertificateError("server.pem", "it holds no key"),
    "'mapel' is not a word of a code; did you mean 'maple'?": CodeError("is not a word of a code", "mapel", "maple"),
    "the text has 2 parts; a code looks like 4821-ocean-maple-brick": CodeError("has 2 parts"),
    "token file tokens.txt: there is no such file": TokenFileError("tokens.txt", "there is no such file"),
    "token file tokens.txt, line 3: it has no token": TokenFileError("tokens.txt", "it has no token", 3),
    "the code is wrong, or somebody between the two of you tried one; ask for a new code": PairingFailed(),
    "the code has been used, and a code is good for one try; ask for a new code": CodeBurnt(True),
    "the code was tried with other words, or the try was broken off, and a code is good for one try"
    "; ask for a new code": CodeBurnt(False),
    "the service has no handler": ServiceError("the service has no handler"),
    "message at offset 7 has 30 bytes, over the limit of 20 (starts 61 62)"
    "; raise max_message_bytes to accept it": MessageTooLarge(30, 20, 7, b"ab"),
    "message at offset 0 has at least 21 bytes, over the limit of 20"
    "; raise max_message_bytes to accept it": MessageTooLarge(21, 20, 0, exact=False),
    "malformed message at offset 7: no comma (starts 31 3a)"
    "; check that both sides use the same framing": MalformedMessage("no comma", 7, b"1:"),
    "malformed message at offset 0: no comma; check that both sides use the same framing": MalformedMessage(
        "no comma", 0
    ),
    "malformed message: no number (starts 31 3a); check that both sides use the same numbering of "
    "requests": MalformedMessage("no number", None, b"1:"),
    "the stream ended inside the message at offset 7: 2 of 8 bytes came (starts 35 3a)"
    "; the peer left too early or uses another framing": TruncatedMessage(2, 8, 7, b"5:"),
    "the stream ended inside the message at offset 0: 2 bytes and no end of message came"
    "; the peer left too early or uses another framing": TruncatedMessage(2, None, 0),
    "framing 'lines' cannot carry this message: it holds a line feed": UnframableMessage(
        "lines", "it holds a line feed"
    ),
    "the message is not json of Login as it should be: Expected `str`, got `int` - at `$.name`": UnfitMessage(
        "json of Login", "invalid", "Expected `str`, got `int` - at `$.name`"
    ),
    "payload 'text' cannot carry this value: it is int and not str": UnfitValue("text", "it is int and not str"),
    "the message was rejected (denied)": MessageRejected("denied"),
    "the message was rejected by tcp://127.0.0.1:1 (denied): no such name": MessageRejected(
        "denied", "no such name", "tcp://127.0.0.1:1"
    ),
    "cannot connect to tcp://127.0.0.1:1: connection refused": ConnectError("tcp://127.0.0.1:1", "connection refused"),
    "cannot connect to tls://127.0.0.1:1: its certificate has expired": IdentityRefused(
        "tls://127.0.0.1:1", "its certificate has expired"
    ),
    "cannot listen on tcp://127.0.0.1:1: permission denied": ListenError("tcp://127.0.0.1:1", "permission denied"),
    "the connection with tcp://127.0.0.1:1 is closed (peer_closed)": ConnectionClosed(
        "tcp://127.0.0.1:1", Reason.PEER_CLOSED
    ),
    "the connection with tcp://127.0.0.1:1 is closed (reset): broken pipe": ConnectionClosed(
        "tcp://127.0.0.1:1", Reason.RESET, "broken pipe"
    ),
    "the queue for tcp://127.0.0.1:1 is full (3 messages, 20 bytes); raise max_queued_messages or max_queued_bytes, "
    "or choose another when_full": QueueFull("tcp://127.0.0.1:1", 3, 20),
    "receiving from tcp://127.0.0.1:1 took longer than 2.5 s": WaitTimeout("receiving from tcp://127.0.0.1:1", 2.5),
    "'a b' cannot be a name: it has a space; leave it out": NameRefused("a b", "it has a space; leave it out"),
    "you are muted in lobby": RequestRefused("muted", "you are muted in lobby", 30.0),
    "the relay tcp://127.0.0.1:1: it is full": RelayError("tcp://127.0.0.1:1", "full", "it is full", True),
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_sentence_is_built_from_the_fields(sentence: str) -> None:
    assert str(SENTENCES[sentence]) == sentence


@pytest.mark.parametrize("sentence", SENTENCES)
def test_an_error_survives_pickling(sentence: str) -> None:
    """A process that reports its errors to another sends them pickled."""
    error = SENTENCES[sentence]
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == sentence
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (AddressError, UsageError),
        (FramingSpecError, UsageError),
        (LimitError, UsageError),
        (ServiceError, UsageError),
        (CertificateError, UsageError),
        (CodeError, UsageError),
        (TokenFileError, UsageError),
        (PairingFailed, TransferError),
        (CodeBurnt, TransferError),
        (NameRefused, ValueError),
        (IdentityRefused, ConnectError),
        (UsageError, ValueError),
        (MessageTooLarge, FramingError),
        (MalformedMessage, FramingError),
        (TruncatedMessage, FramingError),
        (UnframableMessage, FramingError),
        (UnframableMessage, ValueError),
        (WaitTimeout, TimeoutError),
    ],
)
def test_what_else_an_error_is(kind: type[LandlineError], also: type[Exception]) -> None:
    assert issubclass(kind, also)
    assert issubclass(kind, LandlineError)


def test_the_tree_drawn_at_the_top_is_the_tree() -> None:
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == errors.__name__
    }
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"^[│├└─ ]*([A-Z]\w+)", errors.__doc__.partition("Each carries")[0], re.MULTILINE))
    assert drawn - {"Every"} == set(kinds)
    assert {type(error) for error in SENTENCES.values()} >= {
        kind for kind in kinds.values() if not kind.__subclasses__()
    }


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MessageTooLarge(2, 1, 0), "too_large"),
        (MalformedMessage("", 0), "malformed"),
        (TruncatedMessage(1, 2, 0), "truncated"),
    ],
)
def test_framing_errors_name_the_reason_of_the_close(error: FramingError, reason: str) -> None:
    assert error.reason == reason


def test_reason_codes_are_words_for_logs() -> None:
    assert all(re.fullmatch("[a-z_]+", reason.value) for reason in Reason)
    assert f"{Reason.PEER_CLOSED}" == "peer_closed"


@pytest.mark.parametrize(
    "error",
    [MessageTooLarge(99, 1, 0, bytes(99)), MalformedMessage("", 0, bytes(99)), TruncatedMessage(1, 2, 0, bytes(99))],
)
def test_an_error_keeps_sixteen_bytes_and_not_the_message(
    error: MessageTooLarge | MalformedMessage | TruncatedMessage,
) -> None:
    assert error.head == bytes(16)
    assert bytes(99) not in error.args
    assert str(error).count("00") >= 16


def test_reasons_tell_a_natural_end_from_a_break() -> None:
    assert {reason for reason in Reason if reason.clean} == {Reason.PEER_CLOSED, Reason.FINISHED, Reason.DRAINING}
