"""Landline, messages after a 4-byte length: run with `landline serve`, every limit at its default."""

from landline import Service

service = Service("upper", framing="length:u32be")


@service.message
def upper(message: bytes) -> bytes:
    """Answer one message."""
    return message.upper()
