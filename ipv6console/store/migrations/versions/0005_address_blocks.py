"""Addresses once more in blocks, which are read faster; the clock that times are written by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add both tables; the engine fills them while it runs."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "address_block",
        sa.Column("block", key, autoincrement=False, nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("block", name="pk_address_block"),
    )
    op.create_table(
        "era",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("began", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_era"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for trigger in _TRIGGERS:
            op.execute(trigger)


_TRIGGERS = (
    """CREATE TRIGGER address_added AFTER INSERT ON address
BEGIN DELETE FROM address_block WHERE block = new.id / 1024; END""",
    """CREATE TRIGGER address_removed AFTER DELETE ON address
BEGIN DELETE FROM address_block WHERE block = old.id / 1024; END""",
    """CREATE TRIGGER address_changed AFTER UPDATE ON address
BEGIN DELETE FROM address_block WHERE block IN (old.id / 1024, new.id / 1024); END""",
)
