"""Chat: rooms, direct messages, presence and history; from nc, a terminal, a browser, or a program, on one port.

The names below are the public ones; each is imported when it is first used.
"""

# What `typing.TYPE_CHECKING` is, without the milliseconds of importing typing; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from landline.chat import changes, notices, wire
    from landline.chat.client import ChatClient
    from landline.chat.server import chat_service
    from landline.chat.view import View

_HOMES = {
    "ChatClient": "landline.chat.client",
    "View": "landline.chat.view",
    "changes": "landline.chat.changes",
    "chat_service": "landline.chat.server",
    "notices": "landline.chat.notices",
    "wire": "landline.chat.wire",
}

__all__ = [
    "ChatClient",
    "View",
    "changes",
    "chat_service",
    "notices",
    "wire",
]


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'landline.chat' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    value = module if name in ("changes", "notices", "wire") else getattr(module, name)
    globals()[name] = value
    return value
