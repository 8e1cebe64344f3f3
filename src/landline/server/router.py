"""Which handler answers a value, and what must have happened before it may. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from landline.errors import MessageRejected, ServiceError

NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True, slots=True)
class Route:
    """The handler for one type of message, and the grants a connection needs before it may send one."""

    handler: Callable[..., Any]
    needs: frozenset[str]
    takes_connection: bool
    awaits: bool


class Router:
    """Routes by type. A type has one route."""

    def __init__(self) -> None:
        self._routes: dict[type, Route] = {}

    def add(self, kind: type, route: Route) -> None:
        """Add the route of a type. Raises ServiceError if it has one."""
        if kind in self._routes:
            raise ServiceError(f"{kind.__name__} has a handler already: {self._routes[kind].handler.__qualname__}")
        self._routes[kind] = route

    @property
    def types(self) -> tuple[type, ...]:
        """The types that have a route, in the order in which they were added."""
        return tuple(self._routes)

    @property
    def by_type(self) -> dict[type, Route]:
        """Every route by its type, in the order in which they were added."""
        return dict(self._routes)

    @property
    def awaits(self) -> bool:
        """Whether any handler is to be awaited."""
        return any(route.awaits for route in self._routes.values())

    @property
    def open_handlers(self) -> dict[type, Callable[[Any], Any]]:
        """The handlers that anyone may call at any time, with the message alone."""
        return {
            kind: route.handler for kind, route in self._routes.items() if not (route.needs or route.takes_connection)
        }

    def find(self, kind: type, granted: Collection[str]) -> Route:
        """The route of a type, for a connection that was granted so much.

        Raises MessageRejected (`not_allowed`) if a grant is missing, ServiceError if there is no route.
        """
        route = self._routes.get(kind)
        if route is None:
            raise ServiceError(
                f"there is no handler for {kind.__name__}: declare one with @service.on({kind.__name__})"
            )
        missing = route.needs.difference(granted)
        if missing:
            raise MessageRejected(NOT_ALLOWED, f"{kind.__name__} needs {' and '.join(sorted(missing))} first")
        return route
