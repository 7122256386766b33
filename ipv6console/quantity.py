"""Counts with their nouns, as sentences have them."""

from __future__ import annotations


def many(number: int, one: str, more: str) -> str:
    """Return a count with its noun: "1 address", "1,024 addresses"."""
    return f"{number:,} {one if number == 1 else more}"


def addresses(number: int) -> str:
    """Return how many addresses."""
    return many(number, "address", "addresses")


def leases(number: int) -> str:
    """Return how many leases."""
    return many(number, "lease", "leases")
