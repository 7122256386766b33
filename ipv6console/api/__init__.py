"""The HTTP API: FastAPI application, access rules, event streams, server."""
