"""A dialogue that fits passes however it is cut, and each kind of misfit is told in a sentence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from landline.connection.stream import StreamConnection
from landline.errors import MessageRejected
from landline.exchange import EXCHANGE
from landline.limits import Limits
from landline.server.service import Service
from landline.testing import EndSending, Expect, ExpectClose, Say, SayBytes, Wait, check_service

SERVICES = {one.service.name: one.service for one in EXCHANGE}
Steps = list[Any]
DIALOGUES: dict[str, Steps] = {
    "upper": [(b"hello", b"HELLO"), (b"", b""), (b"x" * 40, b"X" * 40)],
    "clock": [(b"now", re.compile(rb"\[.{24}\] now"))],
    "greet": [Expect(b"Welcome!"), (b"Ada", b"Hello, Ada!"), Say(b"exit"), ExpectClose("finished")],
    "hello": [Expect(b"hello world"), ExpectClose("finished")],
    "dice": [
        Expect(lambda message: message.startswith(b"Welcome!")),
        (b"roll", re.compile(rb"roll \d{1,5}")),
        EndSending(),
        ExpectClose("peer_closed"),
    ],
    "echo": [(b"one", b"one"), Wait(3600), (b"two", b"two"), EndSending(), ExpectClose("peer_closed")],
    "discard": [(b"one", None), (b"two", None), Wait(5)],
}


@pytest.mark.parametrize("name", SERVICES)
def test_the_built_in_services_keep_to_their_dialogues(name: str) -> None:
    check_service(SERVICES[name], DIALOGUES[name])


def made(handler: Callable[..., Any], framing: str = "lines", **limits: Any) -> Service:
    """A service with one handler of messages."""
    service = Service("made", framing=framing, limits=Limits(**limits))
    service.message(handler)
    return service


async def slowly(message: bytes) -> bytes:
    await asyncio.sleep(10)
    return message.upper()


def test_handlers_that_wait_cost_no_time() -> None:
    check_service(made(slowly), [(b"one", b"ONE"), (b"two", b"TWO")] * 5)


@pytest.mark.parametrize("framing", ["length:u16be", "netstring", "cobs", "raw"])
def test_any_framing(framing: str) -> None:
    check_service(made(bytes.upper, framing), [(b"one", b"ONE"), (b"two\n", b"TWO\n")])


def test_what_a_peer_may_do_wrong_has_its_reason() -> None:
    check_service(
        made(bytes.upper, max_message_bytes=5), [(b"fits", b"FITS"), Say(b"too long"), ExpectClose("too_large")]
    )
    check_service(made(bytes.upper), [SayBytes(b"half a li"), ExpectClose("message_deadline")])
    check_service(made(bytes.upper), [SayBytes(b"a\nhalf"), EndSending(), Expect(b"A"), ExpectClose("truncated")])
    check_service(made(bytes.upper, "netstring"), [SayBytes(b"x"), ExpectClose("malformed")])


def failing(message: bytes) -> bytes:
    raise ArithmeticError("cannot")


def test_a_handler_that_fails_may_be_expected() -> None:
    check_service(made(failing), [Say(b"x"), ExpectClose("handler_error")])


def one_by_feed(message: bytes) -> bytes:
    """What a handler does that takes reads for messages."""
    return message[:3].upper()


def ask(sayings: bytes = b"?") -> Service:
    service = Service("asks")

    @service.connection
    async def say(connection: StreamConnection) -> None:
        await connection.send(sayings)
        await connection.receive()

    return service


WHOLE = " (the service was fed in whole messages)"


@pytest.mark.parametrize(
    ("service", "dialogue", "sentence"),
    [
        (made(bytes.lower), [(b"A", b"A")], "made: step 2 of 2, Expect(message=b'A'): b'a' came" + WHOLE),
        (
            made(lambda message: None),
            [(b"A", b"A")],
            "made: step 2 of 2, Expect(message=b'A'): nothing came in 60 s" + WHOLE,
        ),
        (
            made(failing),
            [(b"A", b"A")],
            "made: step 2 of 2, Expect(message=b'A'): nothing came: the connection is closed (handler_error); "
            "the handler raised ArithmeticError('cannot')" + WHOLE,
        ),
        (made(failing), [Say(b"A")], "made: behind the last step: a handler failed; the handler raised Arith"),
        (made(bytes.upper), [Say(b"A")], "made: behind the last step: b'A' came" + WHOLE),
        (
            made(bytes.upper),
            [ExpectClose()],
            "made: step 1 of 1, ExpectClose(reason=None): the connection was still open after 60 s" + WHOLE,
        ),
        (ask(), [ExpectClose()], "asks: step 1 of 1, ExpectClose(reason=None): b'?' came" + WHOLE),
        (
            ask(),
            [Expect(b"?"), Say(b"x"), ExpectClose("idle")],
            "asks: step 3 of 3, ExpectClose(reason='idle'): it closed for the reason finished" + WHOLE,
        ),
        (
            ask(),
            [Expect(b"?"), Say(b"x"), Wait(9), Say(b"y"), Say(b"z")],
            "asks: step 4 of 5, Say(message=b'y'): it cannot be said: the connection is closed (",
        ),
        (
            made(one_by_feed, "raw"),
            [(b"abcdef", b"ABC"), (b"ab", b"AB")],
            "made: step 4 of 4, Expect(message=b'AB'): b'D' came (the service was fed byte by byte)",
        ),
    ],
)
def test_a_misfit_is_told(service: Service, dialogue: Steps, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_service(service, dialogue)
    assert str(caught.value).startswith(sentence)


def test_a_service_that_forgets_what_came_in_the_same_read_is_found() -> None:
    service = Service("forgets", framing="raw")

    @service.connection
    async def first_line_only(connection: StreamConnection) -> None:
        async for piece in connection:
            await connection.send(piece.split(b"\n")[0] + b"\n")

    with pytest.raises(AssertionError, match=r"step \d of 4, .* \(the service was fed byte by byte\)"):
        check_service(service, [(b"one\n", b"one\n"), (b"two\n", b"two\n")])


def test_random_cuts_come_from_the_seed() -> None:
    heard: list[list[bytes]] = []

    def listen(message: bytes) -> None:
        heard[-1].append(message)

    def hear(seed: int) -> list[bytes]:
        heard.append([])
        check_service(made(listen, "raw"), [Say(b"a long message " * 5)], seed=seed)
        return heard[-1]

    assert hear(1) == hear(1) != hear(2)


def test_what_is_no_step_is_refused() -> None:
    with pytest.raises(TypeError, match="b'hello' is no step of a dialogue: write Say"):
        check_service(made(bytes.upper), [b"hello"])  # type: ignore[list-item]


def test_an_error_of_the_handler_is_the_cause() -> None:
    with pytest.raises(AssertionError) as caught:
        check_service(made(failing), [(b"A", b"A")])
    assert isinstance(caught.value.__cause__, ArithmeticError)


def test_values_of_a_payload() -> None:
    service = Service("counts", payload="json")
    began: list[str] = []

    @service.startup
    def begin() -> None:
        began.append("startup")

    @service.message
    def count(message: Any) -> Any:
        return {"words": len(message["text"].split())}

    check_service(service, [({"text": "one two"}, {"words": 2}), ({"text": ""}, lambda found: found["words"] == 0)])
    assert began


class Look(msgspec.Struct, tag=True):
    item: str


class Left(msgspec.Struct, tag=True):
    count: int


def store(**options: Any) -> Service:
    """A service of documents that says how many apples there are."""
    service = Service("store", **options)

    @service.on(Look)
    def look(asked: Look) -> Left:
        if asked.item != "apple":
            raise MessageRejected("unknown", "no such item")
        return Left(3)

    return service


REFUSAL = {"type": "error", "code": "unknown", "detail": "no such item"}


@pytest.mark.parametrize("options", [
    {"payload": "json"},
    {"payload": "json", "replies": "numbered"},
    {"payload": "msgpack", "framing": "length:u16be"},
])  # fmt: skip
def test_values_of_the_payload(options: dict[str, Any]) -> None:
    service = store(**options)
    asked = Look("apple")
    check_service(service, [(asked, Left(3)), (asked, {"type": "Left", "count": 3}), (Look("pear"), REFUSAL)])
    check_service(service, [Say({"type": "Look", "item": "apple"}), Expect(lambda came: came["count"] == 3)])
    with pytest.raises(AssertionError, match="step 2 of 2, Expect.*: {'type': 'Left', 'count': 3} came"):
        check_service(service, [(asked, Left(4))])


def test_bytes_are_compared_with_the_message_as_it_came() -> None:
    service = store(payload="json", replies="numbered")
    check_service(service, [(b'7 {"type":"Look","item":"apple"}', b'7 {"type":"Left","count":3}')])
    check_service(service, [(Look("apple"), re.compile(rb"1 .*3}"))])


def test_texts() -> None:
    service = Service("text", payload="text")
    service.message(str.upper)
    check_service(service, [("a", "A"), (b"b", b"B"), ("c", re.compile("[C]")), (b"\xff", re.compile("error.*"))])


def test_a_reply_that_is_no_value_of_the_payload() -> None:
    service = Service("liar", payload="text")

    @service.connection
    async def send(connection: StreamConnection) -> None:
        await connection.send_encoded(b"\xff")

    with pytest.raises(AssertionError) as caught:
        check_service(service, [Expect("a")])
    assert str(caught.value) == (
        "liar: step 1 of 1, Expect(message='a'): b'\\xff' came: the message is not text as it should be: "
        "byte 0 is not UTF-8 (the service was fed in whole messages)"
    )


def test_more_than_a_pair_is_no_step() -> None:
    with pytest.raises(TypeError, match="is no step of a dialogue"):
        check_service(store(payload="json"), [(b"a", b"b", b"c")])  # type: ignore[list-item]
