"""Bearer tokens: made and revoked by operators, kept as digests."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from hmac import compare_digest

from ipv6console.engine.caller import Caller, Grant, Scope
from ipv6console.engine.core import Core
from ipv6console.engine.errors import InvalidRequest, NotFound
from ipv6console.engine.protocol import Durability
from ipv6console.pool.change import TokenRecorded, TokenRevoked
from ipv6console.pool.limits import InvalidName, check_name
from ipv6console.wire.token import TokenCreated, TokenRow

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_REACH = {
    "read": frozenset({Scope.READ}),
    "scrape": frozenset({Scope.READ, Scope.SCRAPE}),
    "operate": frozenset(Scope),
}


class Tokens:
    """Who may call from elsewhere.

    The secret has 256 random bits, so a plain SHA-256 of it is as hard to guess as itself, and checking costs nothing.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._used: dict[str, float] = {}
        self._making: set[str] = set()

    async def create(self, name: str, scope: str, caller: Caller, *, tenant: str | None = None) -> TokenCreated:
        """Make a token, with `tenant` for that tenant's things alone; its secret is in the answer and nowhere else."""
        if not _NAME.match(name):
            raise InvalidRequest(
                f"{name[:80]!r} is no token name: 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit in front",
                next="name it after who uses it, like grafana or laptop-2",
            )
        if scope not in _REACH:
            raise InvalidRequest(f"{scope[:40]!r} is no scope", next="give read, scrape or operate")
        if tenant is not None:
            self._check_tenant(tenant)
        if name in self._core.tokens or name in self._making:
            raise InvalidRequest(f"there is a token {name} already", next="choose another name, or revoke that one")
        # While the store is read back, the tokens are replaced by what was read.
        self._core.working()
        secret = f"ipv6c_{secrets.token_urlsafe(32)}"
        record = TokenRecorded(name, _digest(secret), scope, self._core.clock.now(), caller.label, tenant)
        self._making.add(name)
        try:
            await self._core.commit(record, durability=Durability.POWER)
        finally:
            self._making.discard(name)
        self._core.tokens[name] = record
        reach = scope if tenant is None else f"{scope}, tenant {tenant}"
        self._core.journal.warn("token.created", f"token {name} ({reach})", subject=name, actor=caller.label)
        return TokenCreated(name=name, scope=scope, token=secret, created_at=record.created_at, tenant=tenant)

    async def revoke(self, name: str, caller: Caller) -> TokenRow:
        """End a token at once; raises NotFound."""
        record = self._core.tokens.get(name)
        if record is None:
            raise NotFound(f"there is no token {name[:80]}", next="`ipv6console token list` shows those there are")
        self._core.working()
        await self._core.commit(TokenRevoked(name), durability=Durability.POWER)
        self._core.tokens.pop(name, None)
        self._core.journal.warn("token.revoked", f"token {name} is no longer valid", subject=name, actor=caller.label)
        row = self._row(record)
        # A later token of that name is another one.
        self._used.pop(name, None)
        return row

    def rows(self) -> tuple[TokenRow, ...]:
        """Return every token, without secrets."""
        return tuple(self._row(record) for record in self._core.tokens.values())

    def find(self, secret: str) -> Grant | None:
        """Return what the token with this secret gives; every token is compared, whichever it is."""
        digest = _digest(secret)
        found = None
        for record in self._core.tokens.values():
            if compare_digest(record.digest, digest):
                found = record
        if found is None:
            return None
        self._used[found.name] = self._core.clock.now()
        return Grant(found.name, _REACH[found.scope], found.tenant)

    @staticmethod
    def _check_tenant(tenant: str) -> None:
        try:
            check_name(tenant)
        except InvalidName:
            raise InvalidRequest(
                f"{tenant[:80]!r} is no name of a tenant: 1 to 64 of A-Z a-z 0-9 . _ -, no dot in front",
                next="name the tenant as its spaces and subscribers do, or leave it out for a token that sees all",
            ) from None

    def _row(self, record: TokenRecorded) -> TokenRow:
        return TokenRow(
            name=record.name,
            scope=record.scope,
            created_at=record.created_at,
            created_by=record.created_by,
            last_used_at=self._used.get(record.name),
            tenant=record.tenant,
        )


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
