"""Bearer tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One token without its secret, which nobody has but its holder; times are unix seconds.

    `last_used_at` is None when it was not used since the engine started. `tenant` is whose spaces and subscribers alone
    it opens, None for all.
    """

    name: str
    scope: str
    created_at: float
    created_by: str
    last_used_at: float | None
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPage:
    """All tokens."""

    tokens: tuple[TokenRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCreated:
    """A new token: `token` is shown this once."""

    name: str
    scope: str
    token: str
    created_at: float
    tenant: str | None = None
