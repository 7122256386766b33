"""Which rows changed lately, for those who follow the table."""

from __future__ import annotations

from array import array
from typing import NamedTuple

_SIZE = 1 << 16
_FOLLOWED = 60.0


class Steps(NamedTuple):
    """Rows that changed, each once, up to number `seq`."""

    rows: tuple[int, ...]
    seq: int


class Trail:
    """Numbers every change of a row and remembers the last 65,536; while nobody follows, nothing is noted.

    `on` tells whoever changes a row whether to call `touch`: the test is all that a pick pays when nobody follows.
    """

    __slots__ = ("_known", "_ring", "_until", "on", "seq")

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self.on = False
        self._known = seq
        self._ring = array("I")
        self._until = 0.0

    def touch(self, row: int) -> None:
        """Note that the row changed, came or went; only while `on`."""
        seq = self.seq = self.seq + 1
        self._ring[seq % _SIZE] = row

    def follow(self, now: float) -> None:
        """Note changes for a minute from now (unix seconds)."""
        self._until = now + _FOLLOWED
        if not self.on:
            self._ring = array("I", bytes(4 * _SIZE))
            self._known = self.seq
            self.on = True

    def rest(self, now: float) -> None:
        """Stop noting when nobody has followed for a minute."""
        if self.on and now >= self._until:
            self.on = False
            self._ring = array("I")
            self.lose()

    def lose(self) -> None:
        """Say that more changed than can be told row by row: who follows has to read the table again."""
        self.seq += 1
        self._known = self.seq

    def after(self, seq: int, limit: int) -> Steps | None:
        """Return up to `limit` rows that changed after number `seq`, None when that reaches too far back."""
        if not max(self._known, self.seq - _SIZE) <= seq <= self.seq:
            return None
        rows: dict[int, None] = {}
        for number in range(seq + 1, self.seq + 1):
            rows[self._ring[number % _SIZE]] = None
            if len(rows) >= limit:
                return Steps(tuple(rows), number)
        return Steps(tuple(rows), self.seq)
