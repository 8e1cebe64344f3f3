"""Chat: rooms, direct messages, presence and history; from nc, a terminal, a browser, or a program, on one port.

The names below are the public ones; each is imported when it is first used.
"""

from landline._lazily import lazily

# What `typing.TYPE_CHECKING` is, without the milliseconds of importing typing; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from landline.chat import changes, notices, wire
    from landline.chat.bounds import Bounds
    from landline.chat.client import ChatClient
    from landline.chat.server import chat_service
    from landline.chat.view import View

_HOMES = {
    "Bounds": "landline.chat.bounds:Bounds",
    "ChatClient": "landline.chat.client:ChatClient",
    "View": "landline.chat.view:View",
    "changes": "landline.chat.changes",
    "chat_service": "landline.chat.server:chat_service",
    "notices": "landline.chat.notices",
    "wire": "landline.chat.wire",
}

__all__ = [
    "Bounds",
    "ChatClient",
    "View",
    "changes",
    "chat_service",
    "notices",
    "wire",
]

__getattr__ = lazily(__name__, _HOMES)
