"""Payloads: what a message means. Pure: messages in, values out, and back."""

from landline.payload.base import Bytes, Payload, Text
from landline.payload.spec import parse

__all__ = ["Bytes", "Payload", "Text", "parse"]
