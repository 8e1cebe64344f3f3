"""Files: from here to there, whole, verified, on disk.

The names below are the public ones; each is imported when it is first used.
"""

from landline._lazily import lazily

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
    "Drop": "landline.transfer.drop:Drop",
    "Fault": "landline.transfer.faults:Fault",
    "Receipt": "landline.transfer.receipt:Receipt",
    "ReceiptFile": "landline.transfer.receipt:ReceiptFile",
    "ReceiveOptions": "landline.transfer.options:ReceiveOptions",
    "Received": "landline.transfer.receivefiles:Received",
    "SendOptions": "landline.transfer.options:SendOptions",
    "Verified": "landline.transfer.verifying:Verified",
    "events": "landline.transfer.events",
    "receive": "landline.transfer.receivefiles:receive",
    "send": "landline.transfer.sendfiles:send",
    "verify": "landline.transfer.verifying:verify",
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

__getattr__ = lazily(__name__, _HOMES)
