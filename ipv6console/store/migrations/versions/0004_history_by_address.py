"""The history is found by address through one row for each block of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Put the new table in the place of two that nothing was ever written to; the engine fills it while it runs."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.drop_table("history_address")
    op.drop_table("history_block")
    op.create_table(
        "history_block",
        sa.Column("block", key, autoincrement=False, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.Double(), nullable=False),
        sa.Column("newest", sa.Double(), nullable=False),
        sa.Column("ends", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block", name="pk_history_block"),
    )
