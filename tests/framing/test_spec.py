"""Framings written as text: parsing, printing, and the sentences for what cannot be read."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

import landline.framing
from landline.errors import FramingSpecError
from landline.framing import Cobs, Delimited, Fixed, Framing, Length, Lines, Netstring, Raw, Slip, Varint, parse
from landline.framing.spec import FORMS
from tests.framing.strategies import COBS, DELIMITED, FIXED, LENGTH, LINES, NETSTRING, SLIP, VARINT

SPECS: dict[str, Framing] = {
    "lines": Lines(),
    "lines:crlf": Lines(crlf=True),
    "delimited:00": Delimited(b"\0"),
    "delimited:0d0a": Delimited(b"\r\n"),
    "delimited:" + "ff" * 64: Delimited(b"\xff" * 64),
    "length:u8": Length("u8"),
    "length:u16be": Length("u16be"),
    "length:u16le": Length("u16le"),
    "length:u24be": Length("u24be"),
    "length:u32be": Length("u32be"),
    "length:u32le": Length("u32le"),
    "length:u64be": Length("u64be"),
    "length:u32be,offset=2": Length("u32be", offset=2),
    "length:u32be,adjustment=-4": Length("u32be", adjustment=-4),
    "length:u32be,header=included": Length("u32be", header_included=True),
    "length:u16le,offset=4,adjustment=6,header=included": Length("u16le", 4, 6, True),
    "length:u64be,adjustment=-18446744073709551615": Length("u64be", adjustment=-(2**64 - 1)),
    "varint": Varint(),
    "netstring": Netstring(),
    "fixed:16": Fixed(16),
    "slip": Slip(),
    "cobs": Cobs(),
    "raw": Raw(),
}


@pytest.mark.parametrize("spec", SPECS)
def test_parse_and_print(spec: str) -> None:
    assert parse(spec) == SPECS[spec]
    assert str(SPECS[spec]) == spec


@pytest.mark.parametrize("spec", SPECS)
def test_a_framing_is_a_value(spec: str) -> None:
    framing = SPECS[spec]
    assert len({framing, parse(spec)}) == 1
    for again in (copy.deepcopy(framing), pickle.loads(pickle.dumps(framing))):
        assert again == framing
        assert type(again.decoder()) is type(framing.decoder())
    for field in fields(framing):  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(framing, field.name, None)


@pytest.mark.parametrize(
    ("spec", "printed"),
    [
        ("delimited:0D0A", "delimited:0d0a"),
        ("length:u8,header=stripped", "length:u8"),
        ("length:u8,offset=0,adjustment=-0", "length:u8"),
        ("length:u8,header=included,adjustment=+2,offset=01", "length:u8,offset=1,adjustment=2,header=included"),
        ("fixed:0016", "fixed:16"),
    ],
)
def test_other_spellings(spec: str, printed: str) -> None:
    assert str(parse(spec)) == printed


FIELDS = "u8, u16be, u16le, u24be, u32be, u32le, u64be"
NO_OPTION = "is not offset=N, adjustment=N or header=included, given once"


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("", f"there is no such framing; it is one of: {FORMS}"),
        ("line", f"there is no such framing; it is one of: {FORMS}"),
        ("LINES", f"there is no such framing; it is one of: {FORMS}"),
        ("lines ", f"there is no such framing; it is one of: {FORMS}"),
        ("raw:", "raw takes nothing behind a colon"),
        ("cobs:1", "cobs takes nothing behind a colon"),
        ("lines:", "lines are written lines or lines:crlf"),
        ("lines:lf", "lines are written lines or lines:crlf"),
        ("delimited", "the delimiter is written in pairs of hex digits, for example delimited:0d0a"),
        ("delimited:", "the delimiter is written in pairs of hex digits, for example delimited:0d0a"),
        ("delimited:0", "the delimiter is written in pairs of hex digits, for example delimited:0d0a"),
        ("delimited:0d 0a", "the delimiter is written in pairs of hex digits, for example delimited:0d0a"),
        ("delimited:\\n", "the delimiter is written in pairs of hex digits, for example delimited:0d0a"),
        ("delimited:" + "ab" * 65, "the delimiter has 65 bytes; it must have 1 to 64"),
        ("fixed", "the size '' is not a whole number of at most 20 digits"),
        ("fixed:x", "the size 'x' is not a whole number of at most 20 digits"),
        ("fixed:1.5", "the size '1.5' is not a whole number of at most 20 digits"),
        ("fixed:" + "1" * 21, f"the size '{'1' * 21}' is not a whole number of at most 20 digits"),
        ("fixed:0", "size 0 is not from 1 to 2147483648"),
        ("length", f"the length field '' is not one of {FIELDS}"),
        ("length:u32", f"the length field 'u32' is not one of {FIELDS}"),
        ("length:u8,", f"option '' {NO_OPTION}"),
        ("length:u8,offset=1,offset=2", f"option 'offset=2' {NO_OPTION}"),
        ("length:u8,size=2", f"option 'size=2' {NO_OPTION}"),
        ("length:u8,offset", "offset '' is not a whole number of at most 20 digits"),
        ("length:u8,offset=two", "offset 'two' is not a whole number of at most 20 digits"),
        ("length:u8,adjustment=--1", "adjustment '--1' is not a whole number of at most 20 digits"),
        ("length:u8,header=yes", "header=yes is neither header=included nor header=stripped"),
        ("length:u8,offset=5000", "offset 5000 is not from 0 to 4096"),
        ("length:u8,adjustment=-256", "adjustment -256 leaves no length, as u8 holds at most 255"),
    ],
)
def test_what_cannot_be_read(spec: str, problem: str) -> None:
    with pytest.raises(FramingSpecError) as caught:
        parse(spec)
    assert caught.value.problem == problem
    assert str(caught.value) == f"framing '{caught.value.spec}': {problem}".replace("\\n", "\\\\n")


@given(LINES | DELIMITED | LENGTH | VARINT | NETSTRING | FIXED | SLIP | COBS)
def test_parse_reads_what_is_printed(framing: Framing) -> None:
    assert parse(str(framing)) == framing


@given(st.text() | st.text("lengthu32be,ofsadjm=0123456789:-").map("length:u8,".__add__))
def test_any_other_text_is_refused_with_a_sentence(text: str) -> None:
    try:
        framing = parse(text)
    except FramingSpecError as error:
        assert str(error).startswith("framing '") or str(error).startswith('framing "')
    else:
        assert parse(str(framing)) == framing


def test_every_framing_is_public() -> None:
    public = {getattr(landline.framing, name) for name in landline.framing.__all__}
    assert {type(framing) for framing in SPECS.values()} <= public
