"""What was declared of a service. Its variants with other options on other addresses share one of these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from landline.connection.blocking import BlockingConnection
from landline.connection.stream import StreamConnection
from landline.server.handlers import HandlerClass
from landline.server.router import Router
from landline.server.session import SessionFactory

if TYPE_CHECKING:
    from landline.server.running import RunningService


class Declared:
    """The handlers of a service, and where it runs at the moment."""

    def __init__(self) -> None:
        self.message_handler: Callable[..., Any] | None = None
        self.connection_handler: Callable[[StreamConnection], Awaitable[None]] | None = None
        self.blocking_handler: Callable[[BlockingConnection], None] | None = None
        self.handler_class: HandlerClass | None = None
        self.session_factory: SessionFactory | None = None
        self.routes = Router()
        self.middlewares: list[Callable[..., Any]] = []
        self.on_startup: list[Callable[[], Any]] = []
        self.on_shutdown: list[Callable[[], Any]] = []
        self.running: list[RunningService] = []
