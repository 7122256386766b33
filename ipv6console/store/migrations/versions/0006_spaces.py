"""Spaces, bindings, subscribers and their outbox; the tenant of a token."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables, all empty; tokens that are there see every tenant."""
    op.add_column("token", sa.Column("tenant", sa.Text()))
    _add_spaces()
    _add_subscribers()
    if op.get_bind().dialect.name == "sqlite":
        for view in _VIEWS:
            op.execute(view)


def _add_spaces() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "space",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("quarantine", sa.Double(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_space"),
        sa.UniqueConstraint("name", name="uq_space_name"),
    )
    op.create_table(
        "space_range",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("space_id", key, nullable=False),
        sa.Column("family", sa.Integer(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("last", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_space_range"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name="fk_space_range_space_id"),
    )
    op.create_table(
        "reservation",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("space_id", key, nullable=False),
        sa.Column("family", sa.Integer(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("last", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reservation"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name="fk_reservation_space_id"),
    )
    op.create_table(
        "binding",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("space_id", key, nullable=False),
        sa.Column("family", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("allocated_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.UniqueConstraint("space_id", "instance", "key", name="uq_binding_key"),
        sa.UniqueConstraint("space_id", "family", "address", name="uq_binding_address"),
        sa.PrimaryKeyConstraint("id", name="pk_binding"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name="fk_binding_space_id"),
    )
    op.create_table(
        "binding_history",
        sa.Column("id", key, nullable=False),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("binding_id", key, nullable=False),
        sa.Column("space_id", key, nullable=False),
        sa.Column("family", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("allocated_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_binding_history"),
    )
    op.create_index("ix_binding_history_address", "binding_history", ["space_id", "address"])
    op.create_index("ix_binding_history_instance", "binding_history", ["space_id", "instance"])
    op.create_index("ix_binding_history_space_id", "binding_history", ["space_id"])
    op.create_table(
        "rest",
        sa.Column("space_id", key, autoincrement=False, nullable=False),
        sa.Column("family", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("space_id", "family", "address", name="pk_rest"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name="fk_rest_space_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delegation",
        sa.Column("id", key, autoincrement=False, nullable=False),
        sa.Column("space_id", key, nullable=False),
        sa.Column("range_id", key, nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delegation"),
        sa.ForeignKeyConstraint(["space_id"], ["space.id"], name="fk_delegation_space_id"),
        sa.UniqueConstraint("operation", name="uq_delegation_operation"),
    )


def _add_subscribers() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    pending = sa.text("state = 'pending'")
    op.create_table(
        "subscriber",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("prefix_size", sa.Integer(), nullable=False),
        sa.Column("ipv6_state", sa.Text(), nullable=False),
        sa.Column("network", sa.Text()),
        sa.Column("length", sa.Integer()),
        sa.Column("registry", sa.Text()),
        sa.Column("ipv6_netbox_prefix_id", key),
        sa.Column("parent", key),
        sa.Column("operation", sa.Text()),
        sa.Column("username", sa.Text()),
        sa.Column("nas_ip", sa.Text()),
        sa.Column("coa", sa.Text()),
        sa.Column("disconnect", sa.Text()),
        sa.Column("failure", sa.Text()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("ipv6_pending_at", sa.Double()),
        sa.Column("ipv6_allocated_at", sa.Double()),
        sa.Column("ipv6_activated_at", sa.Double()),
        sa.Column("ipv6_suspended_at", sa.Double()),
        sa.Column("ipv6_revoking_at", sa.Double()),
        sa.Column("ipv6_revoked_at", sa.Double()),
        sa.Column("ipv6_failed_at", sa.Double()),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_subscriber"),
    )
    op.create_table(
        "transition",
        sa.Column("id", key, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transition"),
    )
    op.create_index("ix_transition_subscriber", "transition", ["tenant", "subscriber"])
    op.create_table(
        "intent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_intent"),
    )
    op.create_index("ix_intent_changed_at", "intent", ["changed_at"])
    op.create_index("ix_intent_pending", "intent", ["id"], sqlite_where=pending, postgresql_where=pending)
    op.create_index("ix_intent_subscriber", "intent", ["tenant", "subscriber", "changed_at"])
    op.create_index("ix_intent_tenant", "intent", ["tenant", "changed_at"])


_VIEWS = (
    """CREATE VIEW bound AS
SELECT space.name AS space, address, instance, key AS id, kind, resource, tags, actor,
       datetime(allocated_at, 'unixepoch') AS allocated_at, datetime(expires_at, 'unixepoch') AS expires_at
FROM binding JOIN space ON space.id = binding.space_id""",
    """CREATE VIEW past_binding AS
SELECT space, address, instance, key AS id, kind, resource, datetime(allocated_at, 'unixepoch') AS allocated_at,
       datetime(ended_at, 'unixepoch') AS ended_at, reason, ended_by
FROM binding_history""",
    """CREATE VIEW subscriber_prefix AS
SELECT tenant, id, ipv6_state AS state, network || '/' || length AS prefix, registry, ipv6_netbox_prefix_id AS registry_id,
       username, nas_ip, coa, disconnect, failure, datetime(changed_at, 'unixepoch') AS changed_at
FROM subscriber""",
    """CREATE VIEW timeline AS
SELECT datetime(at, 'unixepoch') AS at, tenant, subscriber, before, after, prefix, actor, text FROM transition""",
    """CREATE VIEW outbox AS
SELECT id, tenant, subscriber, step, state, attempts, datetime(created_at, 'unixepoch') AS created_at,
       datetime(next_at, 'unixepoch') AS next_at, actor, answer, reason
FROM intent""",
)
