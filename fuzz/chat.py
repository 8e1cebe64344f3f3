"""Targets for what a chat reads from anybody: requests, plain text, lines of JSON, telnet, names, and what is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from unicodedata import category, is_normalized

from fuzz.engine import Target
from landline.chat import wire
from landline.chat.bounds import MOST_BODY_BYTES, MOST_NAME_CHARACTERS
from landline.chat.fronts import Caller, Finish, Front, Heard, Switch
from landline.chat.jsonfront import JsonFront, show_json
from landline.chat.linefront import LineFront
from landline.chat.names import account_of, clean_nick, clean_room, skeleton
from landline.chat.notices import Joined, Notice, Refused
from landline.chat.sanitising import clean_body, clean_line, escaped
from landline.chat.showing import show
from landline.chat.sniffing import sniff
from landline.chat.telnet import Telnet
from landline.errors import NameRefused

CALLER = Caller(address="192.0.2.7", is_local=False, is_secure=False)
CONTROLS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def read_request(data: bytes) -> str:
    """A document is one request, which is written and read again as the same, or none."""
    try:
        request = wire.decode_request(data)
    except wire.BadRequest as error:
        shape = re.sub("'.*'|[0-9]+|0x[0-9a-f]+", "", error.problem)
        return f"{error.ref is None} {shape[:60]}"
    assert wire.decode_request(wire.encode_request(request)) == request
    return type(request).__name__


def front_target(name: str, seeds: list[bytes], make: Callable[[], Front]) -> Target:
    """A target for a front: any stream, at any cut, is heard the same, and answers can be shown."""

    def run(data: bytes) -> str:
        whole = _heard(make(), [data])
        cuts = sorted(Random(data).choices(range(len(data) + 1), k=5))
        for places in (range(len(data) + 1), [0, *cuts, len(data)]):
            pieces = [data[start:stop] for start, stop in zip(places, places[1:], strict=False)]
            assert _heard(make(), pieces) == whole
        kinds = [type(one).__name__ for one in whole]
        assert "Finish" not in kinds[:-1]
        for one in whole:
            _check_heard(one)
        return f"{sniff(data)} {kinds[:3]} {[one.code for one in whole if isinstance(one, Refused)][:2]}"

    return Target(name, seeds, run)


def in_lobby() -> LineFront:
    front = LineFront(CALLER)
    front.told(Joined(room="lobby", epoch="0123456789abcdef", seq=1))
    return front


def _heard(front: Front, pieces: list[bytes]) -> list[Heard]:
    found = [one for piece in pieces for one in front.received(piece)]
    return found + front.ended()


def _check_heard(one: Heard) -> None:
    if isinstance(one, wire.Request):
        assert wire.decode_request(wire.encode_request(one)) == one
    elif isinstance(one, Notice):
        for shown in (show(one), show_json(one)):
            assert not CONTROLS & set(shown.decode().removesuffix("\n").replace("\t", ""))
    else:
        assert isinstance(one, bytes | Finish | Switch)


def read_telnet(data: bytes) -> str:
    """What is text does not depend on the cuts, and is never more than came."""
    telnet = Telnet()
    whole, single = Telnet().feed(data), b"".join(telnet.feed(data[place : place + 1]) for place in range(len(data)))
    assert whole == single
    assert len(whole) <= len(data)
    return f"{telnet.is_active} {min(len(data) - len(whole), 40)}"


def read_name(text: str) -> str:
    """A name is a name, and its forms are final; or it is refused in a sentence."""
    found = []
    for clean in (clean_nick, clean_room):
        try:
            name = clean(text)
        except NameRefused as error:
            assert str(error).isprintable()
            found.append(error.problem[-12:])
        else:
            assert clean(name) == name
            assert 1 <= len(name) <= MOST_NAME_CHARACTERS
            assert name.isprintable() and not set(name) & set(" ~@#/:,")
            found.append("")
    for form in (account_of, skeleton):
        assert form(form(text)) == form(text)
    return " ".join(found)


def read_said(text: str) -> str:
    """What is said is harmless, and stays as it is when it is made harmless again."""
    body, cut = clean_body(text * 9 if len(text) > 500 else text)
    assert clean_body(body) == (body, False)
    assert len(body.encode()) <= MOST_BODY_BYTES
    assert is_normalized("NFC", body)
    assert not CONTROLS & set(body.replace("\t", ""))
    assert escaped(body) == body
    line = clean_line(text, 20)
    assert clean_line(line, 20) == line
    assert len(line) <= 20
    return f"{cut} {len(body) == len(text)} {body.isascii()} {len({category(one) for one in body})}"


def text_target(name: str, seeds: list[str], run: Callable[[str], str]) -> Target:
    """A target for text that has come out of a document, where lone surrogates can stand."""
    return Target(name, [seed.encode() for seed in seeds], lambda data: run(data.decode("utf-8", "surrogateescape")))


REQUESTS: list[wire.Request] = [
    wire.Hello(nick="anna", token="token", ref=1),
    wire.Join(room="lobby", tail=50),
    wire.Resume(room="@anna,bob", epoch="0123456789abcdef", seq=1043),
    wire.Say(room="lobby", body="hello \u2603", cid="c-1", ref="r"),
    wire.History(room="lobby", before=7, after=3, limit=200),
    wire.Ban(room="lobby", nick="bob", seconds=1.5, reason="spam"),
]
DOCUMENTS = [wire.encode_request(request) for request in REQUESTS]
LINES = [
    b"hello\n/join dev\n/msg bob hi\n//slash\n/since lobby 0123456789abcdef 7\n",
    b"/ban bob 1d loud\n/history #dev 7\n/search before:7 red fox\n/help kick\n/jion\n/slow off",
    b"\xff\xfb\x1f\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0hi\r\0\xff\xf4you\r\n",
    b'\n{"op":"ping"}\n',
    b"\xef\xbb\xbf{",
    b"a\x1b[31m\xc2\x9b\xe2\x80\xae\xff\n",
]
NAMES = [
    "anna",
    "Zoe\u0301",
    "\u042f\u043d\u0430",
    "\u6f22\u3042",
    "guest-ab2c",
    "r00t",
    "#lobby",
    "a\u200db",
    "x.y-z_9",
]
SAID = ["hello", "e\u0301\u0323 \U0001f468\u200d\U0001f469", "\u202e\x1b[2J\x9b", "\U0001f1e9\U0001f1ea" * 300]

TARGETS = [
    Target("request", DOCUMENTS, read_request),
    front_target("linefront", LINES, in_lobby),
    front_target(
        "jsonfront", [b"\n".join(DOCUMENTS), b'{"op":"ping"}\r\n\n[]\n{', b"\xff\n{}"], lambda: JsonFront(CALLER)
    ),
    Target("telnet", [LINES[2], b"\xff\xff\xff\xf1a\r\0\xff\xfa\xff\xff\xff\xf0"], read_telnet),
    text_target("nick", NAMES, read_name),
    text_target("said", SAID, read_said),
]
