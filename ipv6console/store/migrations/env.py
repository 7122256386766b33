"""Alembic's entry: runs the steps on the connection the store hands over, inside the transaction it has begun."""

from __future__ import annotations

from alembic import context

from ipv6console.store.metadata import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
