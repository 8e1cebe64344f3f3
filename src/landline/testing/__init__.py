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
from landline.testing.clock import VirtualTimeLoop, run_virtual
from landline.testing.memory import MemoryTransport, connect_in_memory

__all__ = [
    "Decoded",
    "MemoryTransport",
    "VirtualTimeLoop",
    "bytes_handled",
    "check_decode",
    "check_framing",
    "check_linear_cost",
    "connect_in_memory",
    "decode",
    "own_bytes",
    "run_virtual",
]
