"""Tables of the durable state, one for each kind of row in `pool.change`, and the kept events.

Columns stand in the order of the change's fields, so a change is its own row of parameters. Addresses and networks are
canonical text (RFC 5952): 128 bits fit no integer column of SQLite or PostgreSQL, text is what a person at the `sqlite3`
shell can read and search, and PostgreSQL casts it to `inet`; reading a million of them costs 0.3 s more than 16-byte
binary would. Times are unix seconds; the views show them as UTC text.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    event,
    literal_column,
)

from ipv6console.store import spacetables
from ipv6console.store.metadata import Id, metadata

REVISION = "0007"
"""The revision these tables have; a file with another one is migrated."""

prefix = Table(
    "prefix",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("network", Text, nullable=False),
    Column("length", Integer, nullable=False),
    Column("interface", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("held", Boolean, nullable=False),
)

address = Table(
    "address",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("prefix_id", Id, ForeignKey("prefix.id"), nullable=False),
    # One address under two ids could be leased twice.
    Column("address", Text, nullable=False, unique=True),
    Column("verified_at", Double, nullable=False),
)

PACKED = 1_024
"""How many ids a row of `address_block` is for, as the triggers have it."""

# The same addresses once more, as the engine holds them (see `store.block`): a million are read in a tenth of the time.
address_block = Table(
    "address_block",
    metadata,
    Column("block", Id, primary_key=True, autoincrement=False),
    Column("packed", LargeBinary, nullable=False),
)

# Of a prefix whose addresses all left at once: its rows with an id from `reached` to before `below` have left the pool, and
# are deleted a few at a time (see `store.departure`).
departure = Table(
    "departure",
    metadata,
    Column("prefix_id", Id, ForeignKey("prefix.id"), primary_key=True, autoincrement=False),
    Column("reached", Id, nullable=False),
    Column("below", Id, nullable=False),
)

# By which clock times are written (see `engine.clock`); one row.
era = Table(
    "era",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("boot", Text, nullable=False),
    Column("began", Double, nullable=False),
)

mirror = Table(
    "mirror",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("usable_num", Integer),
    Column("lease_ttl", Double),
    Column("bad_cooldown", Double),
    Column("max_leases_per_64", Integer),
    Column("check_urls", Text, nullable=False, server_default=""),
)

usage = Table(
    "usage",
    metadata,
    Column("mirror_id", Id, ForeignKey("mirror.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    # Indexed for the cascade alone: without it every removed address would scan all usage.
    Column(
        "address_id",
        Id,
        ForeignKey("address.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    Column("status", Text, nullable=False),
    Column("token", Text),
    Column("holder", Text),
    Column("since", Double, nullable=False),
    Column("until", Double),
    Column("owned", Boolean, nullable=False),
    Column("strikes", Integer, nullable=False),
    Column("uses", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
    Column("target", Text),
    Column("bans", Text),
    Column("process", Text),
    sqlite_with_rowid=False,
)

revocation = Table(
    "revocation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("network", Text, nullable=False),
    Column("length", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Double, nullable=False),
)

# It refers to nothing: what it says must outlive the mirror and the address it speaks of.
history = Table(
    "history",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", Text, nullable=False),
    Column("mirror", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False, index=True),
    Column("verdict", Text, nullable=False),
    Column("target", Text),
    Column("reason", Text),
    Column("process", Text),
)
BAN = (history.c.verdict == literal_column("'bad'")) & history.c.target.is_not(None)
"""A bad verdict that names the host; literal, or the index on it would not be used."""

# Whole in itself for counting, the verdict too: SQLite before 3.43 would look every row up for it.
Index(
    "ix_history_ban",
    history.c.mirror,
    history.c.target,
    history.c.until,
    history.c.address,
    history.c.verdict,
    sqlite_where=BAN,
    postgresql_where=BAN,
)

# What makes the history searchable by address, written afterwards (see `store.lookup`): of each block of rows that follow
# each other when their leases began and ended, and the ends of their addresses in one text.
history_block = Table(
    "history_block",
    metadata,
    Column("block", Id, primary_key=True, autoincrement=False),
    Column("rows", Integer, nullable=False),
    Column("oldest", Double, nullable=False),
    Column("newest", Double, nullable=False),
    Column("ends", Text, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("tenant", Text),
)

kept_event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False, index=True),
    Column("level", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("subject", Text),
    Column("actor", Text),
    Column("data", Text, nullable=False),
)

VIEWS = (
    """CREATE VIEW lease AS
SELECT mirror.name AS mirror, address.address AS address, usage.holder AS holder, usage.process AS process,
       datetime(usage.since, 'unixepoch') AS leased_at, datetime(usage.until, 'unixepoch') AS expires_at,
       usage.owned AS owned, usage.uses AS uses, usage.target AS target
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status = 'using' AND NOT EXISTS
 (SELECT 1 FROM departure WHERE departure.prefix_id = address.prefix_id AND address.id < departure.below)""",
    """CREATE VIEW cooling AS
SELECT mirror.name AS mirror, address.address AS address, usage.status AS status, usage.strikes AS strikes,
       datetime(usage.since, 'unixepoch') AS since, datetime(usage.until, 'unixepoch') AS until,
       usage.bans AS bans
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status IN ('bad', 'resting') AND NOT EXISTS
 (SELECT 1 FROM departure WHERE departure.prefix_id = address.prefix_id AND address.id < departure.below)""",
    """CREATE VIEW journal AS
SELECT id, datetime(at, 'unixepoch') AS at, level, kind, subject, actor, text FROM event""",
    """CREATE VIEW past_lease AS
SELECT mirror, address, holder, process, datetime(since, 'unixepoch') AS leased_at,
       datetime(until, 'unixepoch') AS ended_at, verdict, target, reason
FROM history""",
    *spacetables.VIEWS,
)
"""Readable text for the `sqlite3` shell; lease tokens are secrets and stay out of it."""

TRIGGERS = (
    """CREATE TRIGGER address_added AFTER INSERT ON address
BEGIN DELETE FROM address_block WHERE block = new.id / 1024; END""",
    """CREATE TRIGGER address_removed AFTER DELETE ON address
BEGIN DELETE FROM address_block WHERE block = old.id / 1024; END""",
    """CREATE TRIGGER address_changed AFTER UPDATE ON address
BEGIN DELETE FROM address_block WHERE block IN (old.id / 1024, new.id / 1024); END""",
    """CREATE TRIGGER address_returned BEFORE INSERT ON address WHEN EXISTS (SELECT 1 FROM departure)
BEGIN DELETE FROM address WHERE address = new.address AND EXISTS
 (SELECT 1 FROM departure WHERE departure.prefix_id = address.prefix_id AND address.id < departure.below); END""",
)
"""No block outlives a change of its rows, whoever makes it; an address may come back before its row that left is deleted."""

for _text in (*VIEWS, *TRIGGERS):
    event.listen(metadata, "after_create", DDL(_text).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call] # it has no annotations
