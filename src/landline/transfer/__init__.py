"""Files: from here to there, whole, verified, on disk.

The names below are the public ones; each is imported when it is first used.
"""

# What `typing.TYPE_CHECKING` is, without the milliseconds of importing typing; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from landline.transfer import events
    from landline.transfer.drop import Drop
    from landline.transfer.faults import Fault
    from landline.transfer.options import ReceiveOptions, SendOptions
    from landline.transfer.receipt import Receipt, ReceiptFile
    from landline.transfer.receivefiles import Received, receive
    from landline.transfer.sendfiles import send
    from landline.transfer.verifying import Verified, verify

_HOMES = {
    "Drop": "landline.transfer.drop",
    "Fault": "landline.transfer.faults",
    "Receipt": "landline.transfer.receipt",
    "ReceiptFile": "landline.transfer.receipt",
    "ReceiveOptions": "landline.transfer.options",
    "Received": "landline.transfer.receivefiles",
    "SendOptions": "landline.transfer.options",
    "Verified": "landline.transfer.verifying",
    "events": "landline.transfer.events",
    "receive": "landline.transfer.receivefiles",
    "send": "landline.transfer.sendfiles",
    "verify": "landline.transfer.verifying",
}

__all__ = [
    "Drop",
    "Fault",
    "Receipt",
    "ReceiptFile",
    "ReceiveOptions",
    "Received",
    "SendOptions",
    "Verified",
    "events",
    "receive",
    "send",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'landline.transfer' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    value = module if name == "events" else getattr(module, name)
    globals()[name] = value
    return value
