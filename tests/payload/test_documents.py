"""JSON and MessagePack documents: what fits, what does not, and what the peer learns of it."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.errors import MessageRejected, UnfitMessage, UnfitValue, UsageError
from landline.payload.documents import Documents, Json, MsgPack, structs_in, tag_of

FORMATS: list[type[Documents]] = [Json, MsgPack]
PEER = "tcp://192.0.2.7:9000"


class Mood(enum.Enum):
    GOOD = "good"


class Login(msgspec.Struct, tag="login"):
    name: Annotated[str, msgspec.Meta(max_length=8)]
    mood: Mood = Mood.GOOD
    level: Literal[1, 2] = 1


class Say(msgspec.Struct, tag="say", forbid_unknown_fields=True):
    text: str


class One(msgspec.Struct, tag=1):
    a: int = 0


class Two(msgspec.Struct, tag=2):
    a: int = 0


class Balance(msgspec.Struct):
    amount: int = 0


class Kind(msgspec.Struct, tag_field="kind", tag="kind"):
    a: int = 0


class Row(msgspec.Struct, tag="row", array_like=True):
    a: int


class Column(msgspec.Struct, tag="column", array_like=True):
    a: int


class Failure(msgspec.Struct, tag="error"):
    code: str


class Lost(msgspec.Struct):
    other: Nowhere  # type: ignore[name-defined] # noqa: F821


def wire(payload: Documents, value: Any) -> bytes:
    encoded: bytes = payload.format.encode(value)
    return encoded


def refusal(payload: Documents, message: bytes) -> tuple[str, str]:
    with pytest.raises(UnfitMessage) as caught:
        payload.decode(message)
    assert str(caught.value) == f"the message is not {payload} as it should be: {caught.value.problem}"
    return caught.value.code, caught.value.problem


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
@given(value=DOCUMENTS)
def test_documents_come_back(kind: type[Documents], value: Any) -> None:
    payload = kind()
    assert payload.decode(payload.encode(value)) == value


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("value", [Login("ann"), Say("hello")])
def test_types_come_back(kind: type[Documents], value: Any) -> None:
    payload = kind(Login | Say)
    assert payload.decode(payload.encode(value)) == value
    assert payload.decode_from(PEER, payload.encode(value)) == value


@pytest.mark.parametrize("kind", FORMATS)
@given(
    message=st.binary(max_size=60) | st.sampled_from([b"\x91", b"[", b'{"a":', b"\x81\xa1a"]).map(lambda b: b * 9000)
)
def test_any_bytes_are_a_value_or_unfit(kind: type[Documents], message: bytes) -> None:
    for payload in (kind(), kind(Login | Say), kind(One | Two)):
        try:
            payload.decode(message)
        except UnfitMessage as unfit:
            assert unfit.code == "invalid"
        assert payload.is_rejection(message) in (True, False)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "Input data was truncated"),
        (b"NaN", "JSON is malformed: invalid character (byte 0)"),
        (b"1e999", "Number out of range"),
        (b"1" * 5000, "Integer value out of range"),
        (b"1 2", "JSON is malformed: trailing characters (byte 3)"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'"secret\xff"', "a string in it is not UTF-8"),
        (b"\xff" * (1 << 20), "a string in it is not UTF-8"),
    ],
)
def test_nasty_json(message: bytes, problem: str) -> None:
    code, said = refusal(Json(), message)
    assert code == "invalid"
    assert said == problem or message[:1] == b"\xff"
    assert len(said) < 100


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "Input data was truncated"),
        (b"\xdd\xff\xff\xff\xff", "Input data was truncated"),
        (b"\xdf\xff\xff\xff\xff", "Input data was truncated"),
        (b"\xc6\xff\xff\xff\xff", "Input data was truncated"),
        (b"\x91" * 100_000, "it is nested too deeply"),
        (b"\xa6secre\xff", "a string in it is not UTF-8"),
        (b"\xc1", "MessagePack data is malformed: invalid opcode '\\xc1' (byte 0)"),
        (b"\x81\x80\x01", "MessagePack data is malformed: map keys must be hashable (byte 3)"),
        (b"\xd7\xff" + b"\xff" * 8, "Invalid MessagePack timestamp: nanoseconds out of range"),
    ],
)
def test_nasty_msgpack(message: bytes, problem: str) -> None:
    assert refusal(MsgPack(), message) == ("invalid", problem)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("value", "code", "problem"),
    [
        ({"type": "secret"}, "unknown_type", "there is no such type; known are login, say"),
        ({"type": 7}, "unknown_type", "there is no such type; known are login, say"),
        ({"type": "s" * 100_000}, "unknown_type", "there is no such type; known are login, say"),
        ({"type": 1.5}, "invalid", "Expected `str`"),
        ({"type": ["login"]}, "invalid", "Expected `str`"),
        ({}, "invalid", "Object missing required field `type`"),
        ({"type": "login"}, "invalid", "Object missing required field `name`"),
        ({"type": "login", "name": 5}, "invalid", "Expected `str`, got `int` - at `$.name`"),
        ({"type": "login", "name": "s" * 9}, "invalid", "Expected `str` of length <= 8 - at `$.name`"),
        (
            {"type": "login", "name": "", "mood": "secret"},
            "invalid",
            "a value is none of those that are allowed - at `$.mood`",
        ),
        ({"type": "login", "name": "", "level": 9}, "invalid", "a value is none of those that are allowed"),
        ([1], "invalid", "Expected `object`, got `array`"),
        ("x", "invalid", "Expected `object`, got `str`"),
    ],
)  # fmt: skip
def test_what_does_not_fit(kind: type[Documents], value: Any, code: str, problem: str) -> None:
    payload = kind(Login | Say)
    found, said = refusal(payload, wire(payload, value))
    assert found == code
    assert said.startswith(problem)
    assert "secret" not in said


@pytest.mark.parametrize("kind", FORMATS)
def test_a_value_that_stands_alone_is_not_shown_either(kind: type[Documents]) -> None:
    payload = kind(Mood)
    assert refusal(payload, wire(payload, "a secret - at `home")) == (
        "invalid",
        "a value is none of those that are allowed",
    )


def test_integer_tags() -> None:
    payload = Json(One | Two)
    assert payload.decode(b'{"type":2}') == Two()
    assert refusal(payload, b'{"type":3}') == ("unknown_type", "there is no such type; known are 1, 2")
    assert refusal(payload, b'{"type":"2"}')[0] == "invalid"


def test_classes_written_as_arrays() -> None:
    payload = Json(Row | Column)
    assert payload.decode(b'["row",1]') == Row(1)
    assert refusal(payload, b'["cell",1]') == ("unknown_type", "there is no such type; known are column, row")
    assert refusal(payload, b'["row","x"]')[0] == "invalid"


def test_a_key_that_stands_twice_counts_once() -> None:
    assert Json().decode(b'{"a":1,"a":2}') == {"a": 2}
    assert refusal(Json(Login | Say), b'{"type":"login","type":"say"}')[0] == "invalid"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("value", [object(), {1, object()}, {"a": object()}, "\ud800", 2**70])
def test_what_documents_cannot_carry(kind: type[Documents], value: Any) -> None:
    if kind is Json and value == 2**70:
        return  # JSON has integers of any length
    with pytest.raises(UnfitValue) as caught:
        kind().encode(value)
    assert str(caught.value).startswith(f"payload '{kind.name}' cannot carry this value: ")


def test_a_value_that_holds_itself_cannot_be_carried() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(UnfitValue, match="recursion"):
        Json().encode(value)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("of", [Any, Login | Say, dict[str, str], Balance, list[int]])
def test_an_error_document_is_a_rejection(kind: type[Documents], of: Any) -> None:
    payload = kind(of)
    message = payload.rejection(MessageRejected("not_allowed", "Say needs login first"))
    assert payload.is_rejection(message)
    with pytest.raises(MessageRejected) as caught:
        payload.decode_from(PEER, message)
    assert str(caught.value) == f"the message was rejected by {PEER} (not_allowed): Say needs login first"
    assert caught.value.peer == PEER


def test_the_bytes_of_a_rejection() -> None:
    rejected = MessageRejected("invalid", "line\nbreak \ud800" + "x" * 1000)
    document = Json().decode(Json().rejection(rejected))
    assert list(document) == ["type", "code", "detail"]
    assert document["detail"].startswith("line break ?x")
    assert len(document["detail"]) == 200
    assert Json(Kind).rejection(MessageRejected("busy")) == b'{"kind":"error","code":"busy","detail":""}'


@pytest.mark.parametrize(
    "message", [b'{"type":"errors"}', b'{"error":1}', b'["error"]', b'"error"', b'{"type":"error"', b"error x: y", b""]
)
def test_what_is_no_rejection(message: bytes) -> None:
    assert not Json().is_rejection(message)
    payload = Json(int)
    with pytest.raises(UnfitMessage):
        payload.decode_from(PEER, message)


def test_a_service_may_have_an_error_class_of_its_own() -> None:
    assert Json(Failure | Say).decode_from(PEER, b'{"type":"error","code":"x"}') == Failure("x")


def test_values_of_untagged_types_come_through() -> None:
    assert Json(Balance).decode_from(PEER, b'{"amount":5,"note":"error"}') == Balance(5)
    assert Json(list[str]).decode_from(PEER, b'["error"]') == ["error"]
    assert Json().decode_from(PEER, b'{"type":"say"}') == {"type": "say"}


@pytest.mark.parametrize("of", [Login | Balance, One | Login, Kind | Say, Lost])
def test_types_that_cannot_be_told_apart(of: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Json(of)
    assert str(caught.value).startswith("json documents cannot be of ")


def test_names_and_equality() -> None:
    assert (str(Json()), str(MsgPack(Login | Say)), repr(Json(Login))) == (
        "json",
        "msgpack of Login | Say",
        "<payload json of Login>",
    )
    assert Json(Login) == Json().for_type(Login)
    assert hash(Json(Login)) == hash(Json(Login))
    assert Json() != MsgPack()
    assert Json() != Json(Login)


def test_tags_and_classes() -> None:
    assert (tag_of(Login), tag_of(One), tag_of(Balance), tag_of(int), tag_of(int | str)) == (
        "login",
        1,
        None,
        None,
        None,
    )
    assert structs_in(Login | int | Say) == [Login, Say]
    assert structs_in(int) == []
