"""Public names that are imported when they are first used (PEP 562): importing a package costs next to nothing."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazily(package: str, homes: "Mapping[str, str]") -> "Callable[[str], object]":
    """Make the `__getattr__` of a package; `homes` says where a name is: `module:name`, or `module` for one itself."""

    def find(name: str) -> object:
        """Import a public name on its first use."""
        from importlib import import_module

        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home, _, attribute = homes[name].partition(":")
        value: object = import_module(home)
        if attribute:
            value = getattr(value, attribute)
        setattr(sys.modules[package], name, value)
        return value

    return find
