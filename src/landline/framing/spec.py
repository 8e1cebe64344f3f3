"""Framings written as one text, such as `length:u32be,offset=2`."""

from __future__ import annotations

import re
from collections.abc import Callable

from landline.errors import FramingSpecError
from landline.framing.base import Framing
from landline.framing.cobs import Cobs
from landline.framing.delimited import Delimited, Lines
from landline.framing.fixed import Fixed
from landline.framing.length import FIELDS, Length
from landline.framing.netstring import Netstring
from landline.framing.raw import Raw
from landline.framing.slip import Slip
from landline.framing.varint import Varint

FORMS = (
    "lines, lines:crlf, delimited:HEX, length:FIELD[,offset=N][,adjustment=N][,header=included], "
    "varint, netstring, fixed:N, slip, cobs, raw"
)
_PLAIN: dict[str, Callable[[], Framing]] = {
    "varint": Varint,
    "netstring": Netstring,
    "slip": Slip,
    "cobs": Cobs,
    "raw": Raw,
}


def parse(spec: str | Framing) -> Framing:
    """Read a framing spec.

    `spec` is one of: lines, lines:crlf, delimited:HEX (1 to 64 bytes), length:FIELD with options, varint, netstring,
    fixed:N, slip, cobs, raw; a Framing stands for itself. Returns the framing; `str()` of it gives the spec back.
    Raises FramingSpecError.
    """
    if isinstance(spec, Framing):
        return spec
    if not isinstance(spec, str):
        raise FramingSpecError(
            str(spec), f"it is {type(spec).__name__}, and must be a text such as lines, or a Framing"
        )
    name, colon, arguments = spec.partition(":")
    if name in _WITH_ARGUMENTS:
        return _WITH_ARGUMENTS[name](spec, arguments)
    if name not in _PLAIN:
        raise FramingSpecError(spec, f"there is no such framing; it is one of: {FORMS}")
    if colon:
        raise FramingSpecError(spec, f"{name} takes nothing behind a colon")
    return _PLAIN[name]()


def _lines(spec: str, arguments: str) -> Framing:
    if spec not in ("lines", "lines:crlf"):
        raise FramingSpecError(spec, "lines are written lines or lines:crlf")
    return Lines(crlf=arguments == "crlf")


def _delimited(spec: str, arguments: str) -> Framing:
    if not re.fullmatch(r"([0-9A-Fa-f]{2})+", arguments):
        raise FramingSpecError(spec, "the delimiter is written in pairs of hex digits, for example delimited:0d0a")
    return Delimited(bytes.fromhex(arguments))


def _fixed(spec: str, arguments: str) -> Framing:
    return Fixed(_number(spec, "the size", arguments))


def _length(spec: str, arguments: str) -> Framing:
    field, *options = arguments.split(",")
    if field not in FIELDS:
        raise FramingSpecError(spec, f"the length field {field!r} is not one of {', '.join(FIELDS)}")
    given: dict[str, str] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name not in ("offset", "adjustment", "header") or name in given:
            problem = f"option {option!r} is not offset=N, adjustment=N or header=included, given once"
            raise FramingSpecError(spec, problem)
        given[name] = value
    header = given.get("header", "stripped")
    if header not in ("included", "stripped"):
        raise FramingSpecError(spec, f"header={header} is neither header=included nor header=stripped")
    offset = _number(spec, "offset", given.get("offset", "0"))
    adjustment = _number(spec, "adjustment", given.get("adjustment", "0"))
    return Length(field, offset, adjustment, header == "included")


def _number(spec: str, name: str, text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,20}", text):
        raise FramingSpecError(spec, f"{name} {text!r} is not a whole number of at most 20 digits")
    return int(text)


_WITH_ARGUMENTS: dict[str, Callable[[str, str], Framing]] = {
    "lines": _lines,
    "delimited": _delimited,
    "fixed": _fixed,
    "length": _length,
}
