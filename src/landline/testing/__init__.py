"""What Landline's own tests use, for the tests of programs and framings built on it."""

from landline.testing.cases import (
    Decoded,
    bytes_handled,
    check_decode,
    check_framing,
    check_linear_cost,
    decode,
    own_bytes,
)

__all__ = [
    "Decoded",
    "bytes_handled",
    "check_decode",
    "check_framing",
    "check_linear_cost",
    "decode",
    "own_bytes",
]
