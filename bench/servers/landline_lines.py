"""Landline, one message a line: run with `landline serve`, every limit at its default."""

from landline import Service

service = Service("upper", framing="lines")


@service.message
def upper(message: bytes) -> bytes:
    """Answer one message."""
    return message.upper()
