"""Framings: where a message ends. Pure: bytes in, messages out, and back."""

from landline.framing.base import DEFAULT_LIMITS, Decoder, Framing, PrefixDecoder, SplitDecoder
from landline.framing.cobs import Cobs
from landline.framing.delimited import Delimited, Lines
from landline.framing.fixed import Fixed
from landline.framing.length import Length
from landline.framing.netstring import Netstring
from landline.framing.raw import Raw
from landline.framing.slip import Slip
from landline.framing.spec import parse
from landline.framing.varint import Varint

__all__ = [
    "DEFAULT_LIMITS",
    "Cobs",
    "Decoder",
    "Delimited",
    "Fixed",
    "Framing",
    "Length",
    "Lines",
    "Netstring",
    "PrefixDecoder",
    "Raw",
    "Slip",
    "SplitDecoder",
    "Varint",
    "parse",
]
