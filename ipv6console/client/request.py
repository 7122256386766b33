"""The engine's endpoints, one function each: what to send, and the document that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ipv6console.client.writing import given, segment
from ipv6console.wire.address import AddressChanges, AddressPage
from ipv6console.wire.codec import encode
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.event import EventFilter, EventPage
from ipv6console.wire.health import Health
from ipv6console.wire.history import HistoryPage
from ipv6console.wire.importing import ImportReport, ImportRequest
from ipv6console.wire.lease import LeasePage
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.notify import NotifyStatus, NotifyTested
from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanRequest
from ipv6console.wire.prefix import PrefixStory
from ipv6console.wire.reply import (
    CheckReply,
    ChecksReply,
    FlushReply,
    LeaseReply,
    MirrorStats,
    PickReply,
    PicksReply,
    PoolStats,
    Reply,
    ResetReply,
    SaveReply,
    SpawnReply,
    SpawnsReply,
)
from ipv6console.wire.rewind import RewindSpan
from ipv6console.wire.state import MirrorRow, PrefixRow, State
from ipv6console.wire.target import TargetPage
from ipv6console.wire.token import TokenCreated, TokenPage, TokenRow

T_co = TypeVar("T_co", covariant=True)
DEFAULT_DBNAME = "default"


@dataclass(frozen=True, slots=True)
class EngineRequest(Generic[T_co]):
    """One request; `slow` ones do network checks and may take longer than the client's timeout, others `wait` s more.

    A `reply` of str is the text as it comes, any other a document.
    """

    reply: type[T_co]
    method: str
    path: str
    params: Mapping[str, str | int | float] = field(default_factory=dict)
    json: Any = None
    slow: bool = False
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one address did: `status` is idle, using or bad; `lease` its token, `target` the host that judged it."""

    addr: str
    status: str
    lease: str | None = None
    target: str | None = None
    reason: str | None = None


def stats() -> EngineRequest[PoolStats]:
    """Ask for the pool's size, prefix and mirrors."""
    return EngineRequest(PoolStats, "GET", "/stats")


def mirror_stats(dbname: str = DEFAULT_DBNAME) -> EngineRequest[MirrorStats]:
    """Ask for a mirror's counters; creates the mirror, as the older contract does."""
    return EngineRequest(MirrorStats, "GET", "/stats", {"dbname": dbname})


def spawn() -> EngineRequest[SpawnReply]:
    """Make one verified address."""
    return EngineRequest(SpawnReply, "GET", "/spawn", slow=True)


def spawns(num: int = 1) -> EngineRequest[SpawnsReply]:
    """Make up to `num` (1-100) verified addresses."""
    return EngineRequest(SpawnsReply, "GET", "/spawns", {"num": num}, slow=True)


def pick(
    dbname: str = DEFAULT_DBNAME,
    *,
    ttl: float | None = None,
    holder: str | None = None,
    wait: float | None = None,
    target: str | None = None,
) -> EngineRequest[PickReply]:
    """Lease one address for `ttl` seconds; without `ttl` the lease can be ended without its token.

    An empty mirror is queued for, up to `wait` seconds (0-300). With `target`, the host it is to visit, the address may
    be one that only other hosts ban; without it no host bans it.
    """
    params = given(dbname=dbname, ttl=ttl, holder=holder, wait=wait, target=target)
    return EngineRequest(PickReply, "GET", "/pick", params, wait=wait or 0.0)


def picks(
    num: int = 1,
    dbname: str = DEFAULT_DBNAME,
    *,
    ttl: float | None = None,
    holder: str | None = None,
    target: str | None = None,
) -> EngineRequest[PicksReply]:
    """Lease up to `num` (1-100) addresses, with `target` for that host as in `pick`."""
    params = given(dbname=dbname, num=num, ttl=ttl, holder=holder, target=target)
    return EngineRequest(PicksReply, "GET", "/picks", params)


def check(addr: str) -> EngineRequest[CheckReply]:
    """Prove that an address works, now."""
    return EngineRequest(CheckReply, "POST", "/check", json={"addr": addr}, slow=True)


def checks(addrs: Sequence[str]) -> EngineRequest[ChecksReply]:
    """Prove which of `addrs` work, now."""
    return EngineRequest(ChecksReply, "POST", "/checks", json={"addrs": list(addrs)}, slow=True)


def report(
    addr: str,
    status: str,
    dbname: str = DEFAULT_DBNAME,
    *,
    lease: str | None = None,
    target: str | None = None,
    reason: str | None = None,
) -> EngineRequest[Reply]:
    """End a lease with a verdict (idle, bad), or say that it is still used (using)."""
    verdict = Verdict(addr=addr, status=status, lease=lease, target=target, reason=reason)
    return EngineRequest(Reply, "POST", "/report", json={"dbname": dbname, "report_info": _item(verdict)})


def reports(verdicts: Sequence[Verdict], dbname: str = DEFAULT_DBNAME) -> EngineRequest[Reply]:
    """Report on several addresses."""
    items = [_item(verdict) for verdict in verdicts]
    return EngineRequest(Reply, "POST", "/reports", json={"dbname": dbname, "report_infos": items})


def reset(addr: str, dbname: str = DEFAULT_DBNAME) -> EngineRequest[Reply]:
    """Make an address idle again in a mirror."""
    return EngineRequest(Reply, "POST", "/reset", json={"dbname": dbname, "addr": addr})


def resets(addrs: Sequence[str], dbname: str = DEFAULT_DBNAME) -> EngineRequest[ResetReply]:
    """Make several addresses idle again in a mirror."""
    return EngineRequest(ResetReply, "POST", "/resets", json={"dbname": dbname, "addrs": list(addrs)})


def reset_all(dbname: str = DEFAULT_DBNAME) -> EngineRequest[ResetReply]:
    """Make every address of a mirror idle again."""
    return EngineRequest(ResetReply, "POST", "/reset_all", {"dbname": dbname})


def save() -> EngineRequest[SaveReply]:
    """Bring the database file up to date."""
    return EngineRequest(SaveReply, "POST", "/save")


def flush(dbname: str | None = None) -> EngineRequest[FlushReply]:
    """Forget a mirror's usage; without `dbname` empty the pool. An operator's act."""
    return EngineRequest(FlushReply, "POST", "/flush", given(dbname=dbname))


def state() -> EngineRequest[State]:
    """Ask for the whole state document."""
    return EngineRequest(State, "GET", "/state")


def state_at(moment: float) -> EngineRequest[State]:
    """Ask for the state document as it was at `moment` (unix seconds)."""
    return EngineRequest(State, "GET", "/state", {"at": moment})


def rewind() -> EngineRequest[RewindSpan]:
    """Ask how far back the state document is kept."""
    return EngineRequest(RewindSpan, "GET", "/rewind")


def health() -> EngineRequest[Health]:
    """Ask whether the engine can do its work."""
    return EngineRequest(Health, "GET", "/health")


def events(
    since: int = 0, limit: int = 100, wanted: EventFilter | None = None, *, before: int | None = None
) -> EngineRequest[EventPage]:
    """Ask for up to `limit` wanted events with an id above `since`; with `before` for the newest below that id."""
    wished = {} if wanted is None else encode(wanted)
    if "start" in wished:
        wished["from"] = wished.pop("start")
    return EngineRequest(
        EventPage, "GET", "/events", {"since": since, "limit": limit, **given(before=before, **wished)}
    )


def leases(dbname: str | None = None, *, cursor: str | None = None, limit: int = 100) -> EngineRequest[LeasePage]:
    """Ask for live leases; `cursor` is the `next` of the page before."""
    return EngineRequest(LeasePage, "GET", "/leases", given(dbname=dbname, cursor=cursor, limit=limit))


def renew(lease: str, ttl: float | None = None) -> EngineRequest[LeaseReply]:
    """Let a lease run for `ttl` seconds from now."""
    return EngineRequest(LeaseReply, "POST", f"/leases/{segment(lease)}/renew", json=given(ttl=ttl))


def release(lease: str, status: str = "idle") -> EngineRequest[LeaseReply]:
    """End a lease with a verdict (idle, bad)."""
    return EngineRequest(LeaseReply, "DELETE", f"/leases/{segment(lease)}", {"status": status})


def mirror(dbname: str) -> EngineRequest[MirrorStats]:
    """Ask for a mirror's counters."""
    return EngineRequest(MirrorStats, "GET", f"/mirrors/{segment(dbname)}")


def drain_mirror(dbname: str, *, draining: bool = True) -> EngineRequest[MirrorRow]:
    """Stop (or, with `draining` False, resume) handing out addresses in a mirror. An operator's act."""
    return EngineRequest(MirrorRow, "POST", f"/mirrors/{segment(dbname)}/drain", json={"draining": draining})


def drain_prefix(prefix: str, *, draining: bool = True) -> EngineRequest[PrefixRow]:
    """Stop (or, with `draining` False, resume) handing out addresses of a prefix. An operator's act."""
    return EngineRequest(PrefixRow, "POST", "/prefixes/drain", json={"prefix": prefix, "draining": draining})


def mirror_settings(dbname: str) -> EngineRequest[MirrorSettings]:
    """Ask what a mirror does differently from the pool."""
    return EngineRequest(MirrorSettings, "GET", f"/mirrors/{segment(dbname)}/settings")


def set_mirror(dbname: str, settings: MirrorSettings) -> EngineRequest[MirrorSettings]:
    """Give a mirror settings of its own, all of them at once. An operator's act."""
    return EngineRequest(MirrorSettings, "PUT", f"/mirrors/{segment(dbname)}/settings", json=encode(settings))


def addresses(
    *,
    prefix: str | None = None,
    dbname: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> EngineRequest[AddressPage]:
    """Ask for addresses inside `prefix`, with status `state` (idle, using, bad) in mirror `dbname`."""
    params = given(prefix=prefix, dbname=dbname, state=state, cursor=cursor, limit=limit)
    return EngineRequest(AddressPage, "GET", "/addresses", params)


def address_changes(since: int | None = None) -> EngineRequest[AddressChanges]:
    """Ask what became of addresses after change number `since`; without it only for the number to start from."""
    return EngineRequest(AddressChanges, "GET", "/addresses/changes", given(since=since))


def prefix_story(prefix: str, limit: int = 100) -> EngineRequest[PrefixStory]:
    """Ask for the life of a prefix, oldest first."""
    return EngineRequest(PrefixStory, "GET", "/prefixes/history", {"prefix": prefix, "limit": limit})


def ndp_config(prefix: str) -> EngineRequest[NdpConfig]:
    """Ask what NDP wants configured for a prefix, and what is there."""
    return EngineRequest(NdpConfig, "GET", "/ndp/config", {"prefix": prefix})


def history(
    addr: str | None = None, *, dbname: str | None = None, at: float | None = None, limit: int = 100
) -> EngineRequest[HistoryPage]:
    """Ask who held an address, newest first; `at` (unix seconds) keeps the leases that ran then."""
    return EngineRequest(HistoryPage, "GET", "/history", given(addr=addr, dbname=dbname, at=at, limit=limit))


def targets(dbname: str | None = None, *, cursor: str | None = None, limit: int = 100) -> EngineRequest[TargetPage]:
    """Ask which hosts ban us, the one with most bans first; `cursor` is the `next` of the page before."""
    return EngineRequest(TargetPage, "GET", "/targets", given(dbname=dbname, cursor=cursor, limit=limit))


def tokens() -> EngineRequest[TokenPage]:
    """Ask for all bearer tokens, without their secrets. An operator's act."""
    return EngineRequest(TokenPage, "GET", "/tokens")


def create_token(name: str, scope: str, *, tenant: str | None = None) -> EngineRequest[TokenCreated]:
    """Make a bearer token for `scope` (read, scrape or operate); its secret is in this answer only. An operator's act.

    With `tenant` it opens that tenant's spaces and subscribers alone.
    """
    return EngineRequest(TokenCreated, "POST", "/tokens", json=given(name=name, scope=scope, tenant=tenant))


def revoke_token(name: str) -> EngineRequest[TokenRow]:
    """End a bearer token. An operator's act."""
    return EngineRequest(TokenRow, "DELETE", f"/tokens/{segment(name)}")


def import_pool(document: ImportRequest) -> EngineRequest[ImportReport]:
    """Take over an older system's pool and mirrors. An operator's act."""
    return EngineRequest(ImportReport, "POST", "/import", json=encode(document), slow=True)


def plan(request: PlanRequest) -> EngineRequest[Plan]:
    """Ask what a flush or a revocation would hurt. An operator's act."""
    return EngineRequest(Plan, "POST", "/plan", json=given(**encode(request)))


def apply(request: ApplyRequest) -> EngineRequest[Applied]:
    """Do what a plan says, or nothing. An operator's act."""
    # Some acts wait for IPAM and RADIUS, as long as lifecycle.wait says.
    return EngineRequest(Applied, "POST", "/apply", json=encode(request), wait=300.0)


def doctor(prefix: str | None = None) -> EngineRequest[DoctorReport]:
    """Walk the chain interface, prefix, route, bind, NDP, echo."""
    return EngineRequest(DoctorReport, "GET", "/doctor", given(prefix=prefix), slow=True)


def notify_status() -> EngineRequest[NotifyStatus]:
    """Ask which webhooks and commands are told of faults, and how that went."""
    return EngineRequest(NotifyStatus, "GET", "/notify")


def notify_test(name: str | None = None) -> EngineRequest[NotifyTested]:
    """Tell one webhook or command, or all, that this is a test. An operator's act."""
    return EngineRequest(NotifyTested, "POST", "/notify/test", json=given(name=name), slow=True)


def _item(verdict: Verdict) -> dict[str, Any]:
    return given(**encode(verdict))
