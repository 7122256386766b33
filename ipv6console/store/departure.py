"""Addresses that left all at once: noted in one row, and deleted a few at a time.

To delete a million rows takes seconds, and nobody could commit meanwhile. So it is noted which rows of a prefix have left;
what is noted is not read, and its address may come back under another id at once. Every piece that is deleted is a
transaction of its own, so whenever the engine is killed the rest is still noted, and deleted by the next.
"""

from __future__ import annotations

import time
from sqlite3 import Connection as Driver
from typing import Any

from ipv6console.engine.protocol import Durability
from ipv6console.store.file import DatabaseFile
from ipv6console.store.rows import Rows, driver_of

_LOOKED_THROUGH = 16
"""So many rows are looked at for each that is deleted at most."""
_AIM = 0.006
_FEWEST, _MOST = 32, 2_048

_LEFT = (
    "SELECT id FROM address WHERE id >= ? AND id < ? AND EXISTS"
    " (SELECT 1 FROM departure WHERE departure.prefix_id = address.prefix_id AND address.id < departure.below)"
    " ORDER BY id LIMIT ?"
)
_USED = "SELECT mirror_id, address_id FROM usage WHERE address_id = ? LIMIT ?"
_FORGET = "DELETE FROM usage WHERE mirror_id = ? AND address_id = ?"
_DELETE = "DELETE FROM address WHERE id = ?"


class Departures:
    """Deletes what has left, in pieces that take some milliseconds each; to be used in the writer's thread."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._at_once = 256

    def delete_some(self) -> int | None:
        """Delete a few rows and return how many, None when no more are left."""
        connection = self._file.connection
        begin, below = connection.exec_driver_sql(
            "SELECT min(max(reached, coalesce((SELECT min(id) FROM address), 0))), max(below) FROM departure"
        ).one()
        if begin is None:
            return None
        began = time.perf_counter()
        gone = self._delete(begin, below)
        took = time.perf_counter() - began
        if took > _AIM:
            self._at_once = max(self._at_once // 2, _FEWEST)
        elif took < _AIM / 2:
            self._at_once = min(self._at_once * 2, _MOST)
        return gone

    def _delete(self, begin: int, below: int) -> int:
        most = self._at_once
        end = min(begin + most * _LOOKED_THROUGH, below)
        with self._file.transaction(Durability.PROCESS) as connection:
            driver = driver_of(connection)
            found = driver.execute(_LEFT, (begin, end, most)).fetchall()
            if len(found) == most:
                [last] = found[-1]
                end = last + 1
            # What mirrors knew of them first: there may be any number of mirrors, and the cascade has no bounds.
            used = self._used(driver, found)
            driver.executemany(_FORGET, used)
            if len(used) == most:
                return len(used)
            driver.executemany(_DELETE, found)
            driver.execute("UPDATE departure SET reached = ? WHERE reached < ?", (end, end))
            driver.execute("DELETE FROM departure WHERE reached >= below")
        return len(used) + len(found)

    def _used(self, driver: Driver, found: Rows) -> list[tuple[Any, ...]]:
        used: list[tuple[Any, ...]] = []
        for [row] in found:
            if len(used) < self._at_once:
                used += driver.execute(_USED, (row, self._at_once - len(used))).fetchall()
        return used
