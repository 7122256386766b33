"""The history of one address: looked for only in those blocks of it that know the address.

An index of SQLite's own would touch a page of its own for every lease that ends, and make a report several times as
dear. So when a block of rows is full, the ends of all their addresses are written into one text. Who asks for an address
searches these texts, a small part of the history, and reads the few blocks where it occurs, and the rows after the last.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select

from ipv6console.engine.protocol import Durability
from ipv6console.pool.address import format_address, parse_address
from ipv6console.pool.change import LeaseEnded
from ipv6console.store.file import DatabaseFile
from ipv6console.store.schema import history as table
from ipv6console.store.schema import history_block as blocks

BLOCK = 4_000
"""Rows of a block: its text is made, and the block read through, in about a millisecond."""

_KEY_LENGTH = 8
"""How much of an address's text is kept of it, as in `_INDEX`; where another address has the same, a block is read in vain."""

_COLUMNS = [column for column in table.columns if column.name != "id"]

# In SQL alone, so that the engine's own thread can go on meanwhile.
_INDEX = (
    "INSERT INTO history_block (block, rows, oldest, newest, ends) SELECT ?, count(*), coalesce(min(since), 0),"
    " coalesce(max(until), 0), coalesce(group_concat(substr(address, -8), ''), '') FROM history WHERE id >= ? AND id < ?"
)


class Question(NamedTuple):
    """Which leases: of one address, in one mirror, that lived `at` one time; None is any."""

    address: int | None
    mirror: str | None
    at: float | None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a row has to fulfil."""
        conditions: list[ColumnElement[bool]] = []
        if self.address is not None:
            conditions.append(table.c.address == format_address(self.address))
        if self.mirror is not None:
            conditions.append(table.c.mirror == self.mirror)
        if self.at is not None:
            conditions += [table.c.since <= self.at, table.c.until >= self.at]
        return conditions


class Span(NamedTuple):
    """The blocks that are indexed, and the ids of the rows after them."""

    blocks: range
    rows: range


class Known(NamedTuple):
    """A block that knows the address; the newest is the greatest."""

    newest: float
    rows: range


class Found(NamedTuple):
    """A lease that answers a question; the newest is the greatest."""

    until: float
    id: int
    lease: LeaseEnded


def index_block(file: DatabaseFile) -> bool:
    """Index the next block if it is full and not the last; return whether it was."""
    span = read_span(file)
    number, rows = span.blocks.stop, _rows(span.blocks.stop)
    # The row written last is in no block and never deleted: were its id given out again, another lease would pass for it.
    if span.rows.stop <= rows.stop:
        return False
    with file.transaction(Durability.PROCESS) as connection:
        connection.exec_driver_sql(_INDEX, (number, rows.start, rows.stop))
    return True


def read_span(file: DatabaseFile) -> Span:
    """Return how far the index reaches."""
    wanted = select(
        *(select(edge).scalar_subquery() for edge in (func.min(blocks.c.block), func.max(blocks.c.block))),
        *(select(edge).scalar_subquery() for edge in (func.min(table.c.id), func.max(table.c.id))),
    )
    first, last, bottom, top = file.connection.execute(wanted).one()
    if first is None:
        first = (bottom or 0) // BLOCK
        return Span(range(first, first), range(bottom or 0, (top or 0) + 1))
    return Span(range(first, last + 1), range((last + 1) * BLOCK, (top or 0) + 1))


def read_known(file: DatabaseFile, address: int, at: float | None, numbers: range) -> list[Known]:
    """Return those of these blocks that may know the address, with leases that lived `at` one time (None is any)."""
    conditions = [blocks.c.block >= numbers.start, blocks.c.block < numbers.stop]
    if at is not None:
        conditions += [blocks.c.oldest <= at, blocks.c.newest >= at]
    # Last: SQLite looks at one after the other, and the texts are long.
    conditions.append(func.instr(blocks.c.ends, format_address(address)[-_KEY_LENGTH:]) > 0)
    wanted = select(blocks.c.newest, blocks.c.block).where(*conditions)
    return [Known(newest, _rows(block)) for newest, block in file.connection.execute(wanted)]


def read_rows(file: DatabaseFile, question: Question, ids: range, limit: int) -> list[Found]:
    """Return up to `limit` leases with these ids, the newest first."""
    wanted = select(table.c.id, *_COLUMNS).where(table.c.id >= ids.start, table.c.id < ids.stop, *question.conditions())
    newest_first = wanted.order_by(table.c.until.desc(), table.c.id.desc()).limit(limit)
    rows: list[Any] = list(file.connection.execute(newest_first))
    leases = ((row, LeaseEnded(parse_address(text), *rest)) for row, text, *rest in rows)
    return [Found(lease.until, row, lease) for row, lease in leases]


def drop_block(file: DatabaseFile, before: float, keep: int) -> int | None:
    """Delete the oldest block if its leases all ended before `before`, or if more than `keep` are indexed.

    Returns how many it had, None when it stays.
    """
    wanted = select(blocks.c.block, blocks.c.newest, select(func.sum(blocks.c.rows)).scalar_subquery())
    oldest = file.connection.execute(wanted.order_by(blocks.c.block).limit(1)).first()
    if oldest is None or (oldest[1] >= before and oldest[2] <= keep):
        return None
    rows = _rows(oldest[0])
    with file.transaction(Durability.PROCESS) as connection:
        gone = connection.execute(table.delete().where(table.c.id >= rows.start, table.c.id < rows.stop))
        connection.execute(blocks.delete().where(blocks.c.block == oldest[0]))
    return int(gone.rowcount)


def _rows(block: int) -> range:
    return range(block * BLOCK, (block + 1) * BLOCK)
