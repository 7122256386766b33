"""The operator console for IPv6 address pools."""

__version__ = "0.1.0"
