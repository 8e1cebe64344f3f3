"""JSON (RFC 8259) and MessagePack documents, of any shape or of given types, by msgspec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import msgspec

from landline.errors import MessageRejected, UnfitMessage, UnfitValue, UsageError
from landline.payload.base import MOST_DETAIL_CHARACTERS, Payload

TAG_FIELD = "type"
"""Where a document says what it is, as msgspec names it unless the classes say otherwise."""
ERROR_TAG = "error"
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)


class Documents(Payload):
    """Documents of `of`: a type that msgspec knows, a union of tagged Struct classes, or anything.

    A peer whose message was refused gets the document {"type": "error", "code": ..., "detail": ...}, where "type" is
    the tag field of the Struct classes. Raises UsageError if msgspec cannot decode `of`.
    """

    __slots__ = ("_any", "_decoder", "_encoder", "_probe", "_tags", "of", "tag_field")

    typed = True
    format: Any
    name: str

    def __init__(self, of: Any = Any) -> None:
        self.of = of
        structs = structs_in(of)
        self.tag_field = next((field for one in structs if (field := one.__struct_config__.tag_field)), TAG_FIELD)
        self._tags = [str(one.__struct_config__.tag) for one in structs]
        self._encoder = self.format.Encoder()
        self._any = self.format.Decoder()
        self._probe = self.format.Decoder(_probe(self.tag_field))
        try:
            self._decoder = self.format.Decoder(of)
        except TypeError as error:
            raise UsageError(f"{self.name} documents cannot be of {_named(of)}: {error}") from error

    def decode(self, message: bytes) -> Any:
        """The value of a document. Raises UnfitMessage: `invalid`, or `unknown_type` for a tag that is not known."""
        try:
            return self._decoder.decode(message)
        except UNDECODABLE as error:
            raise self._unfit(message, error) from None

    def encode(self, value: Any) -> bytes:
        """The document of a value. Raises UnfitValue for what has no form in it."""
        try:
            encoded: bytes = self._encoder.encode(value)
            return encoded
        except UNENCODABLE as error:
            raise UnfitValue(str(self), str(error)) from error

    @property
    def quick(self) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
        """What msgspec does, with its own errors."""
        return self._decoder.decode, self._encoder.encode

    def for_type(self, wanted: Any) -> Payload:
        """The same format for messages of one type."""
        return type(self)(wanted)

    def rejection(self, rejected: MessageRejected) -> bytes:
        """The error document for a message that was refused."""
        detail = rejected.detail[:MOST_DETAIL_CHARACTERS].encode("utf-8", "replace").decode()
        return self.encode({self.tag_field: ERROR_TAG, "code": rejected.code, "detail": detail})

    def decode_from(self, peer: str, message: bytes) -> Any:
        """The value of a document of a service. Raises MessageRejected for an error document; UnfitMessage."""
        try:
            value = self.decode(message)
        except UnfitMessage:
            self._raise_rejection(peer, message)
            raise
        if type(value) is dict:
            self._raise_rejection(peer, message)
        return value

    def _raise_rejection(self, peer: str, message: bytes) -> None:
        try:
            document = self._any.decode(message)
        except UNDECODABLE:
            return
        if isinstance(document, dict) and document.get(self.tag_field) == ERROR_TAG:
            raise MessageRejected(str(document.get("code", "")), str(document.get("detail", "")), peer) from None

    def _unfit(self, message: bytes, error: Exception) -> UnfitMessage:
        tag = self._tag_of(message)
        if self._tags and tag is not None and tag not in self._tags:
            problem = f"there is no type {tag[:40]!r}; known are {', '.join(sorted(self._tags))}"
            return UnfitMessage(str(self), "unknown_type", problem)
        return UnfitMessage(str(self), "invalid", _problem(error))

    def _tag_of(self, message: bytes) -> str | None:
        try:
            tag = self._probe.decode(message).tag
        except UNDECODABLE:
            return None
        return None if tag is None else str(tag)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.of == self.of

    def __hash__(self) -> int:
        return hash((self.name, str(self.of)))

    def __str__(self) -> str:
        return self.name if self.of is Any else f"{self.name} of {_named(self.of)}"


class Json(Documents):
    """JSON documents."""

    __slots__ = ()
    format = msgspec.json
    name = "json"


class MsgPack(Documents):
    """MessagePack documents."""

    __slots__ = ()
    format = msgspec.msgpack
    name = "msgpack"


def tag_of(kind: Any) -> str | int | None:
    """The tag by which a document says that it is one of the Struct class `kind`; None if it has none."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    return kind.__struct_config__.tag


def structs_in(of: Any) -> list[type[msgspec.Struct]]:
    """The Struct classes that a type, or a union of types, is made of."""
    return [one for one in (get_args(of) or (of,)) if isinstance(one, type) and issubclass(one, msgspec.Struct)]


def _probe(tag_field: str) -> type[msgspec.Struct]:
    """A class that reads nothing of a document but its tag."""
    fields: list[tuple[str, Any, Any]] = [("tag", str | int | None, None)]
    return msgspec.defstruct("Probe", fields, rename={"tag": tag_field})


def _named(of: Any) -> str:
    return " | ".join(getattr(one, "__name__", str(one)) for one in (get_args(of) or (of,)))


def _problem(error: Exception) -> str:
    """What msgspec says; of text that is not UTF-8 only where it is, as the bytes themselves may be a secret."""
    if isinstance(error, UnicodeDecodeError):
        return "a string in it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error)
