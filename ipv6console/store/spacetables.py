"""Tables of spaces, subscribers and their outbox, one for each kind of row in `ipam.change`.

Columns stand in the order of the change's fields. Addresses are canonical text of their family, as those of the pool.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from ipv6console.store.metadata import Id, metadata

space = Table(
    "space",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("tenant", Text, nullable=False),
    Column("choice", Text, nullable=False),
    Column("quarantine", Double, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

space_range = Table(
    "space_range",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("space_id", Id, ForeignKey("space.id"), nullable=False),
    Column("family", Integer, nullable=False),
    Column("first", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

reservation = Table(
    "reservation",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("space_id", Id, ForeignKey("space.id"), nullable=False),
    Column("family", Integer, nullable=False),
    Column("first", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Double, nullable=False),
)

binding = Table(
    "binding",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("space_id", Id, ForeignKey("space.id"), nullable=False),
    Column("family", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("allocated_at", Double, nullable=False),
    Column("expires_at", Double),
    # One address for two, or two for one id, is what a space is there to prevent.
    UniqueConstraint("space_id", "instance", "key", name="uq_binding_key"),
    UniqueConstraint("space_id", "family", "address", name="uq_binding_address"),
)

# It refers to nothing: what it says must outlive the space, whose name it therefore keeps. Its ids grow in the order in
# which bindings ended, so they stand for the time in every index.
binding_history = Table(
    "binding_history",
    metadata,
    Column("id", Id, primary_key=True),
    Column("space", Text, nullable=False),
    Column("binding_id", Id, nullable=False),
    *(
        Column(column.name, column.type, nullable=column.nullable, index=column.name == "space_id")
        for column in list(binding.columns)[1:]
    ),
    Column("ended_at", Double, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended_by", Text, nullable=False),
)
Index("ix_binding_history_address", binding_history.c.space_id, binding_history.c.address)
Index("ix_binding_history_instance", binding_history.c.space_id, binding_history.c.instance)

rest = Table(
    "rest",
    metadata,
    Column("space_id", Id, ForeignKey("space.id"), primary_key=True, autoincrement=False),
    Column("family", Integer, primary_key=True, autoincrement=False),
    Column("address", Text, primary_key=True),
    Column("until", Double, nullable=False),
    sqlite_with_rowid=False,
)

delegation = Table(
    "delegation",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("space_id", Id, ForeignKey("space.id"), nullable=False),
    Column("range_id", Id, nullable=False),
    Column("network", Text, nullable=False),
    Column("length", Integer, nullable=False),
    # One operation gets one prefix, however often it asks.
    Column("operation", Text, nullable=False, unique=True),
    Column("tenant", Text, nullable=False),
    Column("subscriber", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("at", Double, nullable=False),
)

subscriber = Table(
    "subscriber",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("prefix_size", Integer, nullable=False),
    Column("ipv6_state", Text, nullable=False),
    Column("network", Text),
    Column("length", Integer),
    Column("registry", Text),
    Column("ipv6_netbox_prefix_id", BigInteger().with_variant(Integer(), "sqlite")),
    Column("parent", BigInteger().with_variant(Integer(), "sqlite")),
    Column("operation", Text),
    Column("username", Text),
    Column("nas_ip", Text),
    Column("coa", Text),
    Column("disconnect", Text),
    Column("failure", Text),
    Column("created_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("ipv6_pending_at", Double),
    Column("ipv6_allocated_at", Double),
    Column("ipv6_activated_at", Double),
    Column("ipv6_suspended_at", Double),
    Column("ipv6_revoking_at", Double),
    Column("ipv6_revoked_at", Double),
    Column("ipv6_failed_at", Double),
)

transition = Table(
    "transition",
    metadata,
    Column("id", Id, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subscriber", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("prefix", Text),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
)
Index("ix_transition_subscriber", transition.c.tenant, transition.c.subscriber)

intent = Table(
    "intent",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("subscriber", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("answer", Text),
    Column("reason", Text),
)
Index("ix_intent_tenant", intent.c.tenant, intent.c.changed_at)
Index("ix_intent_subscriber", intent.c.tenant, intent.c.subscriber, intent.c.changed_at)
PENDING = intent.c.state == literal_column("'pending'")
"""What a start reads of them; literal, or the index on it would not be used."""
Index("ix_intent_pending", intent.c.id, sqlite_where=PENDING, postgresql_where=PENDING)

VIEWS = (
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
"""Readable text for the `sqlite3` shell."""
