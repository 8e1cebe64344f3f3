"""Nothing that anybody sends makes a terminal do anything: every character that could, in every text there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.chat import notices, wire
from landline.chat.fronts import Caller, Heard
from landline.chat.jsonfront import JsonFront, show_json
from landline.chat.linefront import LineFront
from landline.chat.lines import show
from landline.chat.names import clean_nick, clean_room
from landline.chat.notices import Notice
from landline.chat.sanitising import clean_body, clean_line
from landline.errors import NameRefused
from tests.chat.test_showing import CASES

CALLER = Caller(address="192.0.2.7", is_local=False, is_secure=False)
OBEYED = [*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
OBEYED.remove(0x09)
HARMFUL = frozenset(map(chr, OBEYED))
COMMANDS = [
    "", "//", "/msg bob ", "/topic ", "/motd ", "/kick bob ", "/ban bob ", "/ban bob 1d ", "/mute bob ", "/quit ",
    "/nick ", "/join ", "/since ", "/resume ", "/history ", "/search ", "/help ", "/slow ", "/", "/x", "/bot ",
    "/who ", "/leave ", "/op ", "/unban ", "/login ", "/register ",
]  # fmt: skip
TEXTS = {kind: [one.name for one in msgspec.structs.fields(kind) if one.type in (str, str | None, wire.Ref)]
         for kind in get_args(wire.AnyRequest)}  # fmt: skip


def check(output: bytes) -> None:
    """Whether a screen may have this: text with whole lines."""
    text = output.decode()
    assert text == "" or text.endswith("\n")
    assert not HARMFUL & set(text.replace("\n", ""))


def cleaned(value: str) -> Iterator[str]:
    """Texts of a request as they come out again: as a body, as a line, and as a name if it can be one."""
    yield clean_body(value)[0]
    yield clean_line(value, 200)
    for clean in (clean_nick, clean_room):
        try:
            yield clean(value)
        except NameRefused as error:
            yield str(error)


def answers(heard: list[Heard]) -> Iterator[Notice | bytes]:
    """All that could be said to anybody about what was heard."""
    for one in heard:
        if isinstance(one, wire.Request):
            for name in one.__struct_fields__:
                value = getattr(one, name)
                for text in cleaned(value) if isinstance(value, str) and name not in ("ref", "cid") else ():
                    yield notices.Message(
                        room=text, seq=1, epoch="e", id="i", time=0.0, sender=text, nick=text, body=text,
                        cid=getattr(one, "cid", None),
                    )  # fmt: skip
                    yield notices.Refused(code="x", text=text, ref=one.ref)
        elif isinstance(one, Notice | bytes):
            yield one


def check_all(heard: list[Heard]) -> None:
    for answer in answers(heard):
        if isinstance(answer, bytes):
            check(answer)
        else:
            check(show(answer))
            check(show_json(answer))


@pytest.mark.parametrize("code", OBEYED, ids=lambda code: f"{code:04x}")
def test_each_character_through_each_text(code: int) -> None:
    character = chr(code)
    for command in COMMANDS:
        front = LineFront(CALLER)
        front.told(notices.Joined(room="lobby", epoch="e", seq=1))
        check_all(front.received(f"{command}a{character}[2Jb {character}\n".encode()))
    for kind, names in TEXTS.items():
        document: dict[str, Any] = {"op": kind.__struct_config__.tag, "seq": 1, "seconds": 1}
        document |= {name: f"a{character}b" for name in names}
        for one in (document, {**document, "ref": 1, "cid": None}, {**document, "op": f"x{character}"}):
            check_all(JsonFront(CALLER).received(msgspec.json.encode(one) + b"\n"))


PARTS = [*(chr(code).encode() for code in OBEYED), *(command.encode() for command in COMMANDS)]


@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(PARTS))))
def test_no_bytes_come_out_as_controls(parts: list[bytes]) -> None:
    for make in (LineFront, JsonFront):
        check_all(make(CALLER).received(b"".join(parts) + b"\n"))


@given(st.text(max_size=40), st.sampled_from(sorted(TEXTS, key=str)))
def test_no_text_of_a_request_comes_out_as_controls(text: str, kind: type[wire.Request]) -> None:
    document: dict[str, Any] = {"op": kind.__struct_config__.tag, "seq": 1, "seconds": 1}
    document |= {name: text.encode("utf-8", "replace").decode() for name in TEXTS[kind]}
    for one in (document, {**document, "ref": None, "cid": None}):
        check_all(JsonFront(CALLER).received(msgspec.json.encode(one) + b"\n"))


def poisoned(value: Any, poison: str) -> Any:
    """A notice with something harmful in each of its texts."""
    if isinstance(value, str):
        return f"{value}{poison}"
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return type(value)(
            **{name: one if name in ("kind", "what", "why") else poisoned(one, poison) for name, one in fields.items()}
        )
    if isinstance(value, list):
        return [poisoned(one, poison) for one in value]
    if isinstance(value, dict):
        return {poisoned(key, poison): one for key, one in value.items()}
    return value


@pytest.mark.parametrize("number", range(len(CASES)))
def test_what_was_not_cleaned_is_shown_escaped(number: int) -> None:
    """The last line of defence: a notice that should not be."""
    notice, lines = CASES[number]
    for poison in ("\x1b]0;x\x07", "\n* forged", "\x9b2J", "\u202e", "\ud800", "\x7f\x85\u2028\x0b"):
        output = show(poisoned(notice, poison))
        check(output)
        assert len(output.splitlines()) >= len(lines)
        assert not any(line == b"* forged" for line in output.split(b"\n"))
