"""Bodies of requests. Unknown fields are ignored, so that an older engine serves a newer client."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ipv6console.api.parameter import DEFAULT_MIRROR, AddressText, MirrorName, Seconds, TenantName, Text
from ipv6console.engine.report import ReportItem
from ipv6console.wire.mirror import MirrorSettings


class CheckBody(BaseModel):
    """One address to prove."""

    addr: AddressText


class ChecksBody(BaseModel):
    """Addresses to prove."""

    addrs: list[AddressText]


class ReportInfo(BaseModel):
    """A verdict on one address; `lease` is the token its lease needs when it was shown before."""

    addr: AddressText
    status: Literal["idle", "using", "bad"]
    lease: Annotated[str | None, Field(max_length=200, description="The lease's token.")] = None
    target: Annotated[Text | None, Field(description="The host that refused the address.")] = None
    reason: Annotated[Text | None, Field(description="Why, for people.")] = None

    def item(self) -> ReportItem:
        """Return it as the engine takes it."""
        return ReportItem(addr=self.addr, status=self.status, lease=self.lease, target=self.target, reason=self.reason)


class ReportBody(BaseModel):
    """A verdict on one address in one mirror."""

    dbname: MirrorName = DEFAULT_MIRROR
    report_info: ReportInfo


class ReportsBody(BaseModel):
    """Verdicts on addresses in one mirror."""

    dbname: MirrorName = DEFAULT_MIRROR
    report_infos: list[ReportInfo]


class ResetBody(BaseModel):
    """An address to make idle in one mirror."""

    dbname: MirrorName = DEFAULT_MIRROR
    addr: AddressText


class ResetsBody(BaseModel):
    """Addresses to make idle in one mirror."""

    dbname: MirrorName = DEFAULT_MIRROR
    addrs: list[AddressText]


class RenewBody(BaseModel):
    """How long the lease is to last from now; the engine's default without."""

    ttl: Seconds | None = None


class DrainBody(BaseModel):
    """Stop handing out (true), or hand out again (false)."""

    draining: bool = True


class PrefixDrainBody(BaseModel):
    """Which prefix to drain, or to hand out from again."""

    prefix: Annotated[str, Field(max_length=64, examples=["2001:db8:0:1::/64"])]
    draining: bool = True


class NotifyTestBody(BaseModel):
    """Whom to tell that this is a test; all of them without."""

    name: Annotated[str | None, Field(min_length=1, max_length=64, description="A webhook's or command's name.")] = None


class SettingsBody(BaseModel):
    """What a mirror does differently; what is left out or null is as in the pool.

    An unknown field is refused here: it would be a misspelt one that silently falls back.
    """

    model_config = ConfigDict(extra="forbid")

    usable_num: Annotated[int | None, Field(ge=0, le=1_000_000, description="Idle addresses to keep.")] = None
    lease_ttl: Seconds | None = None
    bad_cooldown: Seconds | None = None
    max_leases_per_64: Annotated[int | None, Field(ge=0, le=1_000_000, description="0 is no bound.")] = None
    check_urls: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=20)] = []

    def settings(self) -> MirrorSettings:
        """Return it as the engine takes it."""
        return MirrorSettings(
            usable_num=self.usable_num,
            lease_ttl=self.lease_ttl,
            bad_cooldown=self.bad_cooldown,
            max_leases_per_64=self.max_leases_per_64,
            check_urls=tuple(self.check_urls),
        )


class TokenBody(BaseModel):
    """A bearer token to make."""

    name: Annotated[str, Field(max_length=200, description="Who uses it, 1 to 64 of A-Z a-z 0-9 . _ -")]
    scope: Annotated[Literal["read", "scrape", "operate"], Field(description="What it may do.")] = "scrape"
    tenant: Annotated[
        TenantName | None, Field(description="Whose spaces and subscribers alone it opens; all of them without.")
    ] = None
