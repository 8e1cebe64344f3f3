"""Payloads by their names: bytes, text, json, msgpack, or a class that says what a JSON document holds."""

from __future__ import annotations

from typing import Any

from landline.errors import UsageError
from landline.payload.base import Bytes, Payload, Text

NAMES = "bytes, text, json, msgpack"


def parse(spec: Any) -> Payload:
    """Read a payload spec.

    `spec` is bytes, text, json or msgpack, a Payload, or a type: a msgspec.Struct class, a union of them, or another
    type msgspec knows, which stands for JSON documents of that type. Returns the payload. Raises UsageError.
    """
    if isinstance(spec, Payload):
        return spec
    if spec == "bytes":
        return Bytes()
    if spec == "text":
        return Text()
    # msgspec takes 10 ms to import: whoever speaks bytes does not pay for it.
    from landline.payload.documents import Json, MsgPack

    if spec == "json":
        return Json()
    if spec == "msgpack":
        return MsgPack()
    if isinstance(spec, str) or spec is None:
        raise UsageError(f"there is no payload {spec!r}; it is one of: {NAMES}, or a msgspec.Struct class")
    return Json(spec)
