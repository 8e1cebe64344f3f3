"""What docs/wire/chat.md shows and lists is what is spoken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from landline.chat import notices, wire
from landline.chat.lines import parse_line, show
from landline.chat.notices import Joined, Message, Page, Pong, decode_notice, encode_notice
from landline.chat.webfront import show_web
from landline.chat.wire import decode_request, encode_request

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "wire" / "chat.md").read_text(encoding="utf-8")
EPOCH = "0123456789abcdef"


def blocks(kind: str) -> list[str]:
    """The lines of all blocks of this kind."""
    return [line for block in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table behind a heading."""
    table = re.search(r"\n\|.*?\n\n", PAGE[PAGE.index(f"\n{heading}\n") :] + "\n\n", re.DOTALL)
    assert table is not None
    return [line.strip("|").split("|") for line in table[0].strip().splitlines()[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("line", blocks("json requests"))
def test_a_request_of_the_page(line: str) -> None:
    assert msgspec.json.decode(encode_request(decode_request(line))) == msgspec.json.decode(line)


@pytest.mark.parametrize("line", blocks("json notices"))
def test_a_notice_of_the_page(line: str) -> None:
    assert encode_notice(decode_notice(line)).decode() == line


def test_every_request_is_listed_with_its_fields() -> None:
    listed = {op: set(words(fields)) for ops, fields, _ in rows("### Requests") for op in words(ops)}
    known = {kind.__struct_config__.tag: kind.__struct_encode_fields__ for kind in get_args(wire.AnyRequest)}
    assert set(listed) == set(known)
    for op, fields in known.items():
        assert set(fields) - {"ref"} <= listed[str(op)], op


def test_every_notice_is_listed_with_its_fields() -> None:
    listed = {words(name)[0]: set(words(fields)) for name, fields in rows("### Notices")}
    known = {kind.__struct_config__.tag: kind.__struct_encode_fields__ for kind in get_args(notices.AnyNotice)}
    assert set(listed) == set(known)
    for name, fields in known.items():
        assert set(fields) <= listed[str(name)], name


def test_every_code_of_a_refusal_is_listed() -> None:
    listed = {code for codes, _ in rows("### Codes of errors") for code in words(codes)}
    used = set()
    for path in (ROOT / "src" / "landline" / "chat").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r'\.refuse\([^"()]*"([a-z_]+)"', text))
        used |= set(re.findall(r'Refused\(code="([a-z_]+)"', text))
    assert {"too_fast", "banned", "bad_request", "usage"} <= used
    assert used - listed == set()


@pytest.mark.parametrize(("line", "request_"), [tuple(map(" ".join, map(words, row))) for row in rows("## Plain text")])
def test_a_line_of_the_page(line: str, request_: str) -> None:
    found = parse_line(line, "lobby")
    assert isinstance(found, wire.Request)
    assert found == decode_request(request_)
    assert msgspec.json.decode(request_) == msgspec.json.decode(encode_request(found))


def test_the_lines_that_are_shown() -> None:
    def message(seq: int, nick: str, body: str) -> Message:
        time = 1_795_284_240.0
        return Message(room="lobby", seq=seq, epoch=EPOCH, id="i", time=time, sender="s", nick=nick, body=body)

    direct = Message(
        room="@a,b", seq=12, epoch=EPOCH, id="i", time=0.0, sender="a", nick="anna", body="hi", to="b", to_nick="Bob"
    )
    filled = Page(kind="resume", room="lobby", messages=[message(seq, "anna", "x") for seq in range(1030, 1043)])
    joined = Joined(room="lobby", epoch=EPOCH, seq=1042, recovered=True)
    refused = Joined(room="lobby", epoch=EPOCH, seq=1042, recovered=False, why="too_many")
    shown = [show(message(1043, "anna", "hello"))]
    shown.append(show(Page(kind="tail", room="lobby", messages=[message(1042, "Bob", "a message that was stored")])))
    shown += map(show, (direct, joined, filled, refused))
    lines = {line for one in shown for line in one.decode().splitlines()}
    assert set(blocks("text")) - lines == set()


def test_the_bytes_of_a_frame() -> None:
    pairs = [pair for line in blocks("hex") for pair in re.findall(r"(?<!\S)[0-9a-f]{2}(?!\S)", line)]
    assert bytes.fromhex("".join(pairs)) == show_web(Pong())
