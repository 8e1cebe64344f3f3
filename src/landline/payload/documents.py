"""JSON (RFC 8259) and MessagePack documents, of any shape or of given types, by msgspec."""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from landline.errors import MessageRejected, UnfitMessage, UnfitValue, UsageError
from landline.payload.base import Payload, told

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
        self._tags = [str(tag) for one in structs if (tag := one.__struct_config__.tag) is not None]
        self._encoder = self.format.Encoder()
        self._any = self.format.Decoder()
        self._probe = self.format.Decoder(
            _probe(self.tag_field, any(one.__struct_config__.array_like for one in structs))
        )
        try:
            self._decoder = self.format.Decoder(of)
        except (TypeError, NameError) as error:
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
        code, detail = told(rejected)
        return self.encode({self.tag_field: ERROR_TAG, "code": code, "detail": detail})

    def is_rejection(self, message: bytes) -> bool:
        """Whether a message has the form in which a refusal is told."""
        return self._rejected(message) is not None

    def decode_from(self, peer: str, message: bytes) -> Any:
        """The value of a document of a service. Raises MessageRejected for an error document; UnfitMessage."""
        try:
            value = self.decode(message)
        except UnfitMessage:
            self._raise_rejection(peer, self._rejected(message))
            raise
        if type(value) is dict:
            self._raise_rejection(peer, value)
        elif tag_of(type(value)) is None:
            # A class all of whose fields have defaults takes an error document for one of its own.
            self._raise_rejection(peer, self._rejected(message))
        return value

    def _raise_rejection(self, peer: str, document: dict[Any, Any] | None) -> None:
        if document is not None and document.get(self.tag_field) == ERROR_TAG:
            raise MessageRejected(str(document.get("code", "")), str(document.get("detail", "")), peer) from None

    def _rejected(self, message: bytes) -> dict[Any, Any] | None:
        """The document that refuses a message; None if this is another one."""
        if ERROR_TAG.encode() not in message:
            return None
        try:
            document = self._any.decode(message)
        except UNDECODABLE:
            return None
        return document if isinstance(document, dict) and document.get(self.tag_field) == ERROR_TAG else None

    def _unfit(self, message: bytes, error: Exception) -> UnfitMessage:
        tag = self._tag_of(message)
        if self._tags and tag is not None and tag not in self._tags:
            problem = f"there is no such type; known are {', '.join(sorted(self._tags))}"
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
    may_hold_line_ends = True
    format = msgspec.msgpack
    name = "msgpack"


def tag_of(kind: Any) -> str | int | None:
    """The tag by which a document says that it is one of the Struct class `kind`; None if it has none."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    return kind.__struct_config__.tag


def structs_in(of: Any) -> list[type[msgspec.Struct]]:
    """The Struct classes that a type, or a union of types, is made of."""
    return [one for one in _members(of) if isinstance(one, type) and issubclass(one, msgspec.Struct)]


def _probe(tag_field: str, array_like: bool) -> type[msgspec.Struct]:
    """A class that reads nothing of a document but its tag."""
    fields: list[tuple[str, Any, Any]] = [("tag", str | int | None, None)]
    return msgspec.defstruct("Probe", fields, rename={"tag": tag_field}, array_like=array_like)


def _named(of: Any) -> str:
    return " | ".join(str(one) if get_args(one) else getattr(one, "__name__", str(one)) for one in _members(of))


def _members(of: Any) -> tuple[Any, ...]:
    return get_args(of) if get_origin(of) in (Union, UnionType) else (of,)


def _problem(error: Exception) -> str:
    """What msgspec says, without what stood in the message: that may be a secret."""
    if isinstance(error, UnicodeDecodeError):
        return "a string in it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    problem = str(error)
    if not problem.startswith(("Invalid value ", "Invalid enum value ")):
        return problem
    where = problem[problem.rindex(" - at `") :] if problem.endswith("`") else ""
    return f"a value is none of those that are allowed{where}"
