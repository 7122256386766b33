"""Addresses packed in blocks: the rows of `address` once more, as the engine holds them, for a fast start.

A block is for so many ids that follow each other. It is written while the engine runs, and removed by a trigger in the very
transaction that changes one of its rows; rows without a block are read one by one. So what is read is always what the rows
say, whenever the engine was killed.
"""

from __future__ import annotations

import logging
from socket import AF_INET6, inet_pton

from sqlalchemy import Connection

from ipv6console.pool.columns import AddressColumns
from ipv6console.store.rows import pieces, rows
from ipv6console.store.schema import PACKED

logger = logging.getLogger(__name__)

_ROWS = "SELECT id, prefix_id, address, verified_at FROM address WHERE id >= ? AND id < ? ORDER BY id"
_FIRST = "SELECT min(id) / ? FROM address WHERE id >= ? AND id < ?"
_END = 1 << 62


def read_addresses(connection: Connection) -> AddressColumns:
    """Return every address, by id; blocks that do not agree with the rows are thrown away."""
    try:
        addresses = _read(connection)
    except ValueError as error:
        problem = str(error)
    else:
        count = connection.exec_driver_sql("SELECT count(*) FROM address").scalar_one()
        if count == len(addresses):
            return addresses
        problem = f"they make {len(addresses)} addresses of {count}"
    # Triggers do not see everything: rows that `sqlite3 .recover` left out, or that INSERT OR REPLACE replaced.
    logger.warning("the blocks of packed addresses are made anew: %s", problem)
    connection.exec_driver_sql("DELETE FROM address_block")
    return _read(connection)


def unpacked(connection: Connection, most: int) -> list[int]:
    """Return up to `most` blocks that are still to be packed; the last, which grows, is not."""
    [last] = connection.exec_driver_sql("SELECT coalesce(max(id), 0) / ? FROM address", (PACKED,)).one()
    found: list[int] = []
    begin = 0
    for block in (*(block for (block,) in rows(connection, "SELECT block FROM address_block ORDER BY block")), last):
        while begin < block and len(found) < most:
            edges = (PACKED, begin * PACKED, block * PACKED)
            [filled] = connection.exec_driver_sql(_FIRST, edges).one()
            if filled is None:
                break
            found.append(filled)
            begin = filled + 1
        begin = max(begin, block + 1)
    return found


def pack(connection: Connection, block: int) -> None:
    """Pack one block as its rows are in the open transaction."""
    columns = AddressColumns()
    _read_rows(connection, columns, block * PACKED, (block + 1) * PACKED)
    connection.exec_driver_sql("INSERT OR REPLACE INTO address_block VALUES (?, ?)", (block, columns.pack()))


def _read(connection: Connection) -> AddressColumns:
    columns, begin = AddressColumns(), 0
    for block, packed in rows(connection, "SELECT block, packed FROM address_block ORDER BY block"):
        if block * PACKED > begin:
            _read_rows(connection, columns, begin, block * PACKED)
        columns.unpack(packed)
        begin = (block + 1) * PACKED
    _read_rows(connection, columns, begin, _END)
    return columns


def _read_rows(connection: Connection, columns: AddressColumns, begin: int, end: int) -> None:
    packed, family = inet_pton, AF_INET6
    for piece in pieces(connection, _ROWS, begin, end):
        # There may be a million addresses and they were written by us: no call of our own for each of them.
        ids, owners, texts, times = zip(*piece, strict=True)
        columns.extend(ids, owners, [packed(family, text) for text in texts], times)
