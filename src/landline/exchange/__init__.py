"""The built-in services."""

from landline.exchange.services import EXCHANGE, BuiltIn

__all__ = ["EXCHANGE", "BuiltIn"]
