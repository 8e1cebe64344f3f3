"""Things that are closed when a `with` block is left."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """Whoever inherits says how it is closed; leaving the block does that."""

    @abstractmethod
    def close(self) -> None:
        """Close; twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
