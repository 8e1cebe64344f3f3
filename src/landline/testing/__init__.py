"""What Landline's own tests use, for the tests of programs and framings built on it.

Each name is imported when it is first used: the pytest plugin lives here, and is loaded in every run of pytest.
"""

from typing import TYPE_CHECKING

from landline._lazily import lazily

if TYPE_CHECKING:
    from landline.testing.background import Background
    from landline.testing.cases import (
        Decoded,
        bytes_handled,
        check_decode,
        check_framing,
        check_linear_cost,
        decode,
        own_bytes,
    )
    from landline.testing.chopper import glued, ways_to_cut
    from landline.testing.clock import VirtualTimeLoop, run_virtual
    from landline.testing.dialogue import EndSending, Expect, ExpectClose, Say, SayBytes, Wait, check_service
    from landline.testing.faults import Ending, FaultPlan, Faults
    from landline.testing.faulty import FaultyProxy, connect_with_faults
    from landline.testing.memory import MemoryTransport, connect_in_memory
    from landline.testing.served import MemoryService, serve_in_memory

_NAMES = {
    "background": "Background",
    "cases": "Decoded bytes_handled check_decode check_framing check_linear_cost decode own_bytes",
    "chopper": "glued ways_to_cut",
    "clock": "VirtualTimeLoop run_virtual",
    "dialogue": "EndSending Expect ExpectClose Say SayBytes Wait check_service",
    "faults": "Ending FaultPlan Faults",
    "faulty": "FaultyProxy connect_with_faults",
    "memory": "MemoryTransport connect_in_memory",
    "served": "MemoryService serve_in_memory",
}
_HOMES = {name: f"landline.testing.{home}:{name}" for home, names in _NAMES.items() for name in names.split()}

__all__ = [
    "Background",
    "Decoded",
    "EndSending",
    "Ending",
    "Expect",
    "ExpectClose",
    "FaultPlan",
    "Faults",
    "FaultyProxy",
    "MemoryService",
    "MemoryTransport",
    "Say",
    "SayBytes",
    "VirtualTimeLoop",
    "Wait",
    "bytes_handled",
    "check_decode",
    "check_framing",
    "check_linear_cost",
    "check_service",
    "connect_in_memory",
    "connect_with_faults",
    "decode",
    "glued",
    "own_bytes",
    "run_virtual",
    "serve_in_memory",
    "ways_to_cut",
]

__getattr__ = lazily(__name__, _HOMES)
