"""The history of leases and who bans us; bearer tokens; settings of a mirror."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add tables and columns; every row that is there is kept as it is."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "history",
        sa.Column("id", key, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("mirror", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("target", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
    )
    op.create_index("ix_history_until", "history", ["until"])
    ban = sa.text("verdict = 'bad' AND target IS NOT NULL")
    op.create_index(
        "ix_history_ban",
        "history",
        ["mirror", "target", "until", "address", "verdict"],
        sqlite_where=ban,
        postgresql_where=ban,
    )
    op.create_table(
        "token",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_token"),
    )
    # Added, not copied into a new table: dropping the old one would delete, by cascade, the usage of every mirror.
    op.add_column("mirror", sa.Column("usable_num", sa.Integer()))
    op.add_column("mirror", sa.Column("lease_ttl", sa.Double()))
    op.add_column("mirror", sa.Column("bad_cooldown", sa.Double()))
    op.add_column("mirror", sa.Column("max_leases_per_64", sa.Integer()))
    op.add_column("mirror", sa.Column("check_urls", sa.Text(), nullable=False, server_default=""))
    op.add_column("usage", sa.Column("target", sa.Text()))
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP VIEW cooling")
        for view in _VIEWS:
            op.execute(view)


_VIEWS = (
    """CREATE VIEW cooling AS
SELECT mirror.name AS mirror, address.address AS address, usage.status AS status, usage.strikes AS strikes,
       datetime(usage.since, 'unixepoch') AS since, datetime(usage.until, 'unixepoch') AS until,
       usage.target AS target
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status IN ('bad', 'resting')""",
    """CREATE VIEW past_lease AS
SELECT mirror, address, holder, datetime(since, 'unixepoch') AS leased_at, datetime(until, 'unixepoch') AS ended_at,
       verdict, target, reason
FROM history""",
)
