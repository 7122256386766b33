"""The pool: prefixes, addresses, mirrors, usage, revocations; and the events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first release."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "prefix",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("interface", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prefix"),
    )
    op.create_table(
        "address",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("prefix_id", key, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_address"),
        sa.ForeignKeyConstraint(["prefix_id"], ["prefix.id"], name="fk_address_prefix_id"),
        sa.UniqueConstraint("address", name="uq_address_address"),
    )
    op.create_table(
        "mirror",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mirror"),
        sa.UniqueConstraint("name", name="uq_mirror_name"),
    )
    op.create_table(
        "usage",
        sa.Column("mirror_id", key, autoincrement=False, nullable=False),
        sa.Column("address_id", key, autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("holder", sa.Text()),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("until", sa.Double()),
        sa.Column("owned", sa.Boolean(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("uses", key, nullable=False),
        sa.PrimaryKeyConstraint("mirror_id", "address_id", name="pk_usage"),
        sa.ForeignKeyConstraint(["mirror_id"], ["mirror.id"], name="fk_usage_mirror_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_usage_address_id", ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_usage_address_id", "usage", ["address_id"])
    op.create_table(
        "revocation",
        sa.Column("id", key, nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revocation"),
    )
    op.create_table(
        "event",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("actor", sa.Text()),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_at", "event", ["at"])
    if op.get_bind().dialect.name == "sqlite":
        for view in _VIEWS:
            op.execute(view)


_VIEWS = (
    """CREATE VIEW lease AS
SELECT mirror.name AS mirror, address.address AS address, usage.holder AS holder,
       datetime(usage.since, 'unixepoch') AS leased_at, datetime(usage.until, 'unixepoch') AS expires_at,
       usage.owned AS owned, usage.uses AS uses
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status = 'using'""",
    """CREATE VIEW cooling AS
SELECT mirror.name AS mirror, address.address AS address, usage.status AS status, usage.strikes AS strikes,
       datetime(usage.since, 'unixepoch') AS since, datetime(usage.until, 'unixepoch') AS until
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status IN ('bad', 'resting')""",
    """CREATE VIEW journal AS
SELECT id, datetime(at, 'unixepoch') AS at, level, kind, subject, actor, text FROM event""",
)
