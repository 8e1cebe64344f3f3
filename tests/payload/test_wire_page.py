"""The bytes that docs/wire/rejections.md shows are those that are sent."""

from __future__ import annotations

import re
from pathlib import Path

from landline.errors import MessageRejected
from landline.payload import Text
from landline.payload.documents import Json, MsgPack

PAGE = (Path(__file__).parents[2] / "docs" / "wire" / "rejections.md").read_text(encoding="utf-8")


def hexadecimal(block: str) -> bytes:
    """The bytes of a block: all pairs of hexadecimal digits that stand alone."""
    return bytes.fromhex("".join(re.findall(r"(?<!\S)[0-9a-f]{2}(?!\S)", block)))


def test_the_bytes_of_the_page() -> None:
    blocks = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert hexadecimal(blocks[0].splitlines()[0]) == Text().rejection(MessageRejected("invalid", "byte 3 is not UTF-8"))
    assert hexadecimal(blocks[1]) == MsgPack().rejection(MessageRejected("invalid"))


def test_the_document_of_the_page() -> None:
    (document,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert document.encode() == Json().rejection(MessageRejected("not_allowed", "Say needs login first"))
