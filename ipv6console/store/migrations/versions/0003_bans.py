"""Bans by target host; the process of a holder; the history found by address."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_usage = sa.table(
    "usage",
    sa.column("mirror_id", sa.Integer()),
    sa.column("address_id", sa.Integer()),
    sa.column("status", sa.Text()),
    sa.column("until", sa.Double()),
    sa.column("strikes", sa.Integer()),
    sa.column("target", sa.Text()),
    sa.column("bans", sa.Text()),
)


def upgrade() -> None:
    """Add tables and columns; bad verdicts that named a host become bans by that host."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        for name in ("lease", "cooling", "past_lease"):
            op.execute(f"DROP VIEW {name}")
    op.add_column("usage", sa.Column("bans", sa.Text()))
    op.add_column("usage", sa.Column("process", sa.Text()))
    op.add_column("history", sa.Column("process", sa.Text()))
    op.create_table(
        "history_block",
        sa.Column("block", key, autoincrement=False, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.Double(), nullable=False),
        sa.Column("newest", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("block", name="pk_history_block"),
    )
    op.create_table(
        "history_address",
        sa.Column("block", key, autoincrement=False, nullable=False),
        sa.Column("key", key, autoincrement=False, nullable=False),
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("block", "key", "id", name="pk_history_address"),
        sqlite_with_rowid=False,
    )
    _name_the_hosts()
    if sqlite:
        for view in _VIEWS:
            op.execute(view)


def _name_the_hosts() -> None:
    connection = op.get_bind()
    chosen = (_usage.c.mirror_id == sa.bindparam("mirror")) & (_usage.c.address_id == sa.bindparam("address"))
    change = _usage.update().where(chosen).values(strikes=0, target=None, bans=sa.bindparam("told"))
    for row in connection.execute(sa.select(_usage).where(_usage.c.target.is_not(None), _usage.c.strikes > 0)).all():
        until = row.until if row.status == "bad" else 0.0
        told = json.dumps({row.target: [row.strikes, until]}, ensure_ascii=False, separators=(",", ":"))
        connection.execute(change, {"mirror": row.mirror_id, "address": row.address_id, "told": told})
    connection.execute(_usage.update().where(_usage.c.target.is_not(None)).values(target=None))


_VIEWS = (
    """CREATE VIEW lease AS
SELECT mirror.name AS mirror, address.address AS address, usage.holder AS holder, usage.process AS process,
       datetime(usage.since, 'unixepoch') AS leased_at, datetime(usage.until, 'unixepoch') AS expires_at,
       usage.owned AS owned, usage.uses AS uses, usage.target AS target
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status = 'using'""",
    """CREATE VIEW cooling AS
SELECT mirror.name AS mirror, address.address AS address, usage.status AS status, usage.strikes AS strikes,
       datetime(usage.since, 'unixepoch') AS since, datetime(usage.until, 'unixepoch') AS until,
       usage.bans AS bans
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status IN ('bad', 'resting')""",
    """CREATE VIEW past_lease AS
SELECT mirror, address, holder, process, datetime(since, 'unixepoch') AS leased_at,
       datetime(until, 'unixepoch') AS ended_at, verdict, target, reason
FROM history""",
)
