"""Addresses that left all at once are noted, and deleted afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table; the views leave out what is noted in it, and a trigger lets an address come back."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "departure",
        sa.Column("prefix_id", key, autoincrement=False, nullable=False),
        sa.Column("reached", key, nullable=False),
        sa.Column("below", key, nullable=False),
        sa.ForeignKeyConstraint(["prefix_id"], ["prefix.id"], name="fk_departure_prefix_id"),
        sa.PrimaryKeyConstraint("prefix_id", name="pk_departure"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for name, view in _VIEWS.items():
            op.execute(f"DROP VIEW {name}")
            op.execute(view)
        op.execute(_TRIGGER)


_VIEWS = {
    "lease": """CREATE VIEW lease AS
SELECT mirror.name AS mirror, address.address AS address, usage.holder AS holder, usage.process AS process,
       datetime(usage.since, 'unixepoch') AS leased_at, datetime(usage.until, 'unixepoch') AS expires_at,
       usage.owned AS owned, usage.uses AS uses, usage.target AS target
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status = 'using' AND NOT EXISTS
 (SELECT 1 FROM departure WHERE departure.prefix_id = address.prefix_id AND address.id < departure.below)""",
    "cooling": """CREATE VIEW cooling AS
SELECT mirror.name AS mirror, address.address AS address, usage.status AS status, usage.strikes AS strikes,
       datetime(usage.since, 'unixepoch') AS since, datetime(usage.until, 'unixepoch') AS until,
       usage.bans AS bans
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id
WHERE usage.status IN ('bad', 'resting') AND NOT EXISTS
 (SELECT 1 FROM departure WHERE departure.prefix_id = address.prefix_id AND address.id < departure.below)""",
}

_TRIGGER = """CREATE TRIGGER address_returned BEFORE INSERT ON address WHEN EXISTS (SELECT 1 FROM departure)
BEGIN DELETE FROM address WHERE address = new.address AND EXISTS
 (SELECT 1 FROM departure WHERE departure.prefix_id = address.prefix_id AND address.id < departure.below); END"""
