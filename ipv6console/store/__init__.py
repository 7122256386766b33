"""Durable state: the SQLite schema with its migrations, and the writer that commits whatever has queued."""
