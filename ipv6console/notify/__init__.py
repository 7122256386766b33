"""Carries notices out of the engine: requests to webhooks, and commands."""
