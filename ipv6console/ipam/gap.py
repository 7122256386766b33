"""Aligned blocks in a gap of numbers."""

from __future__ import annotations


def aligned(size: int, first: int, last: int) -> int | None:
    """Return the lowest multiple of `size`, a power of two, whose block lies from `first` to `last`; None when none does."""
    at = -(-first // size) * size
    return at if at + size - 1 <= last else None


def roomiest(first: int, last: int) -> int:
    """Return the size of the largest aligned block from `first` to `last`, which are not empty."""
    size = 1 << ((last - first + 1).bit_length() - 1)
    while aligned(size, first, last) is None:
        size >>= 1
    return size
