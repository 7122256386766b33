"""What operators do: plan and apply, flush, revoke, drain."""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ipv6console.engine.caller import Caller
from ipv6console.engine.core import Core
from ipv6console.engine.errors import Forbidden, InvalidRequest, NotFound, PlanChanged
from ipv6console.engine.planner import Planner, Prospect
from ipv6console.pool.address import format_address
from ipv6console.pool.custom import Custom
from ipv6console.pool.mirror import Mirror
from ipv6console.pool.outcome import Withdrawal
from ipv6console.pool.prefix import InvalidPrefix, Prefix, Standing, format_prefix, parse_prefix
from ipv6console.pool.survey import Survey, survey_mirror, survey_networks, survey_pool
from ipv6console.quantity import addresses, many
from ipv6console.wire.event import EventLevel
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.plan import Applied, ApplyRequest, Plan, PlanAction, PlanRequest

PLAN_LIFETIME = 300.0
_PLANS = 100


@dataclass(frozen=True, slots=True)
class _Act:
    action: PlanAction
    target: str
    mirror: str | None = None
    networks: tuple[tuple[int, int], ...] = ()


class Operating:
    """Operators' acts; the dangerous ones are planned first and refused when their set has changed since."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._plans: dict[str, tuple[Plan, _Act | PlanRequest, Hashable]] = {}
        self.planners: dict[PlanAction, Planner] = {}

    def plan(self, request: PlanRequest, caller: Caller) -> Plan:
        """Return what the act would do to exactly which set."""
        if request.action in self.planners:
            return self._keep_prospect(request, self.planners[request.action].prospect(request, caller))
        _check_host(caller, request.action)
        act = self._act(request)
        survey = self._survey(act)
        now = self._core.clock.now()
        plan = Plan(
            id=secrets.token_hex(6),
            action=act.action,
            target=act.target,
            generation=self._core.pool.generation,
            count=survey.count,
            sample=survey.sample,
            leases=survey.leases,
            mirrors=survey.mirrors,
            needs_reason=act.action in (PlanAction.REVOKE_ADDRESSES, PlanAction.REVOKE_PREFIX),
            created_at=now,
            expires_at=now + PLAN_LIFETIME,
        )
        return self._keep(plan, act, survey.fingerprint)

    async def apply(self, request: ApplyRequest, caller: Caller) -> Applied:
        """Do what was planned, or nothing: raises PlanChanged when the set is another one now."""
        kept = self._plans.get(request.plan)
        if kept is None or kept[0].expires_at <= self._core.clock.now():
            raise NotFound(f"plan {request.plan[:40]!r} is not known, or older than 5 minutes", next="plan again")
        plan, act, fingerprint = kept
        reason = (request.reason or "").strip()
        if plan.needs_reason and not reason:
            raise InvalidRequest(f"{plan.action} needs a reason", next="apply again with a reason")
        if isinstance(act, PlanRequest):
            present = self.planners[act.action].prospect(act, caller).fingerprint
        else:
            _check_host(caller, act.action)
            present = self._survey(act).fingerprint
        del self._plans[plan.id]
        if present != fingerprint:
            raise PlanChanged(f"the set of {plan.action} {plan.target} is not what was planned", next="plan again")
        if isinstance(act, PlanRequest):
            count = await self.planners[act.action].carry_out(act, reason, caller)
            return Applied(plan=plan.id, action=act.action, target=plan.target, count=count, leases_ended=0)
        withdrawal = await self._do(act, reason, caller)
        return Applied(
            plan=plan.id,
            action=act.action,
            target=act.target,
            count=withdrawal.removed,
            leases_ended=len(withdrawal.ended),
        )

    def _keep_prospect(self, request: PlanRequest, prospect: Prospect) -> Plan:
        now = self._core.clock.now()
        plan = Plan(
            id=secrets.token_hex(6),
            action=request.action,
            target=prospect.target,
            generation=self._core.pool.generation,
            count=prospect.count,
            sample=prospect.sample,
            leases=0,
            mirrors=(),
            needs_reason=prospect.needs_reason,
            created_at=now,
            expires_at=now + PLAN_LIFETIME,
            steps=prospect.steps,
        )
        return self._keep(plan, request, prospect.fingerprint)

    def _keep(self, plan: Plan, act: _Act | PlanRequest, fingerprint: Hashable) -> Plan:
        self._plans = {key: kept for key, kept in self._plans.items() if kept[0].expires_at > plan.created_at}
        while len(self._plans) >= _PLANS:
            self._plans.pop(next(iter(self._plans)))
        self._plans[plan.id] = (plan, act, fingerprint)
        return plan

    async def flush(self, dbname: str | None, caller: Caller) -> Withdrawal:
        """Forget one mirror's usage, or with None empty the pool, without a plan (the older contract)."""
        action = PlanAction.FLUSH_POOL if dbname is None else PlanAction.FLUSH_MIRROR
        return await self._do(self._act(PlanRequest(action=action, dbname=dbname)), "", caller)

    async def drain_mirror(self, dbname: str, draining: bool, caller: Caller) -> Mirror:
        """Stop or resume handing out in one mirror."""
        mirror = self._mirror(dbname)
        await self._core.commit(self._core.working().drain_mirror(mirror, draining))
        verb = "drains: nothing is picked from it" if draining else "hands out again"
        self._core.journal.write("mirror.drained", f"mirror {dbname} {verb}", subject=dbname, actor=caller.label)
        self._core.changed.set()
        return mirror

    def mirror_settings(self, dbname: str) -> MirrorSettings:
        """Return what a mirror does differently; raises NotFound."""
        mirror = self._core.known_mirror(dbname)
        if mirror is None:
            raise NotFound(f"there is no mirror {dbname}", next="see GET /stats for those there are")
        return MirrorSettings(**mirror.custom._asdict())

    async def set_mirror(self, dbname: str, settings: MirrorSettings, caller: Caller) -> Mirror:
        """Give a mirror settings of its own, making the mirror if need be; raises InvalidRequest."""
        # Judged before the mirror is made: a refusal changes nothing, and what is in memory alone cannot be leased from.
        custom = _custom(settings)
        mirror, _ = self._core.mirror(dbname)
        await self._core.commit(self._core.working().customise(mirror, custom))
        own = ", ".join(f"{key}={value}" for key, value in custom._asdict().items() if value not in (None, ()))
        text = f"mirror {dbname}: {own or 'as the pool'}"
        self._core.journal.write("mirror.settings", text, subject=dbname, actor=caller.label)
        self._core.changed.set()
        return mirror

    async def drain_prefix(self, text: str, draining: bool, caller: Caller) -> Prefix:
        """Stop or resume handing out from one prefix."""
        core = self._core
        network, length = self._prefix(text)
        prefix = core.pool.find_prefix(network, length)
        if prefix is None or prefix.standing in (Standing.GONE, Standing.REVOKED):
            raise NotFound(f"{text} is not a prefix in use", next="`ipv6console status` lists the prefixes")
        pool, now = core.working(), core.clock.now()
        if draining:
            prefix.held = True
            change = pool.drain(prefix, now)
        else:
            prefix.held = False
            _, change = pool.admit(network, length, interface=prefix.interface, source=prefix.source, now=now)
        await core.commit(change)
        leases = core.leased_in(prefix)
        if draining:
            kind, text = (
                "prefix.drained",
                f"prefix {prefix} drains: nothing is picked from it, {many(leases, 'lease runs', 'leases run')} out",
            )
        else:
            kind, text = "prefix.resumed", f"prefix {prefix} hands out again"
        core.journal.write(kind, text, subject=str(prefix), actor=caller.label, leases=leases)
        core.changed.set()
        return prefix

    async def _do(self, act: _Act, reason: str, caller: Caller) -> Withdrawal:
        core = self._core
        pool, now = core.working(), core.clock.now()
        match act.action:
            case PlanAction.FLUSH_MIRROR:
                done = pool.flush(self._mirror(act.mirror or ""), now)
            case PlanAction.FLUSH_POOL:
                done = pool.empty(now)
            case _:
                parts = [
                    pool.revoke(network, length, reason=reason, actor=caller.label, now=now)
                    for network, length in act.networks
                ]
                done = Withdrawal(
                    sum(part.removed for part in parts),
                    tuple(lease for part in parts for lease in part.ended),
                    tuple(change for part in parts for change in part.changes),
                )
        await core.commit(*done.changes)
        core.journal.write(
            act.action.value.replace("-", "."),
            f"{act.target}: {addresses(done.removed)}, {many(len(done.ended), 'lease', 'leases')} ended"
            + (f"; {reason}" if reason else ""),
            level=EventLevel.WARNING,
            subject=act.target,
            actor=caller.label,
            count=done.removed,
            leases=len(done.ended),
            reason=reason or None,
        )
        core.changed.set()
        return done

    def _survey(self, act: _Act) -> Survey:
        pool = self._core.working()
        match act.action:
            case PlanAction.FLUSH_MIRROR:
                return survey_mirror(pool, self._mirror(act.mirror or ""))
            case PlanAction.FLUSH_POOL:
                return survey_pool(pool)
            case _:
                return survey_networks(pool, act.networks)

    def _act(self, request: PlanRequest) -> _Act:
        match request.action:
            case PlanAction.FLUSH_MIRROR:
                if request.dbname is None:
                    raise InvalidRequest("flush-mirror needs a dbname", next="give the mirror's name as dbname")
                return _Act(request.action, self._mirror(request.dbname).name, mirror=request.dbname)
            case PlanAction.FLUSH_POOL:
                return _Act(request.action, "the whole pool")
            case PlanAction.REVOKE_ADDRESSES:
                return self._revocation(request.action, request.addrs)
            case PlanAction.REVOKE_PREFIX:
                return self._prefix_revocation(request.action, request.prefix)
            case _:
                raise InvalidRequest(
                    f"{request.action} is not an act of this engine", next="GET /docs names those there are"
                )

    def _revocation(self, action: PlanAction, addrs: tuple[str, ...]) -> _Act:
        if not addrs:
            raise InvalidRequest("revoke-addresses needs addrs", next="give the addresses to withdraw")
        addresses = tuple(dict.fromkeys(self._core.address(addr) for addr in addrs))
        prefixes = self._core.pool.prefixes.values()
        for address in addresses:
            if not any(address in prefix for prefix in prefixes):
                raise NotFound(
                    f"{format_address(address)} is in none of the pool's prefixes",
                    next="`ipv6console status` lists the prefixes",
                )
        target = format_address(addresses[0]) if len(addresses) == 1 else f"{len(addresses)} addresses"
        return _Act(action, target, networks=tuple((address, 128) for address in addresses))

    def _prefix_revocation(self, action: PlanAction, text: str | None) -> _Act:
        if text is None:
            raise InvalidRequest("revoke-prefix needs a prefix", next="give it in CIDR form")
        network, length = self._prefix(text)
        known = self._core.pool.prefixes.values()
        shared = [min(length, prefix.length) for prefix in known]
        if not any((p.network ^ network) >> (128 - bits) == 0 for p, bits in zip(known, shared, strict=True)):
            raise NotFound(f"{text} overlaps none of the pool's prefixes", next="`ipv6console status` lists them")
        return _Act(action, format_prefix(network, length), networks=((network, length),))

    def _mirror(self, name: str) -> Mirror:
        mirror = self._core.known_mirror(name)
        if mirror is None:
            raise NotFound(f"there is no mirror {name}", next="`ipv6console status` lists the mirrors")
        return mirror

    def _prefix(self, text: str) -> tuple[int, int]:
        try:
            return parse_prefix(text)
        except InvalidPrefix as error:
            raise InvalidRequest(str(error), next="give it in CIDR form, like 2001:db8:0:1::/64") from error


def _check_host(caller: Caller, action: PlanAction) -> None:
    """Raise Forbidden for a caller that acts for one tenant alone: the pool is the host's."""
    if caller.tenant is not None:
        raise Forbidden(
            f"{action} is about the whole host; {caller.label} acts for tenant {caller.tenant}",
            next="ask who operates this host, or show a token that was made without a tenant",
        )


def _custom(settings: MirrorSettings) -> Custom:
    for name, value, least in (
        ("usable_num", settings.usable_num, 0),
        ("lease_ttl", settings.lease_ttl, 1),
        ("bad_cooldown", settings.bad_cooldown, 1),
        ("max_leases_per_64", settings.max_leases_per_64, 0),
    ):
        if value is not None and not least <= value <= 1e9:
            raise InvalidRequest(f"{name} {value} is not possible", next=f"give a number from {least}, or leave it out")
    for url in settings.check_urls:
        if len(url) > 500 or any(c.isspace() for c in url) or not _askable(url):
            raise InvalidRequest(f"{url[:80]!r} is no check URL", next="give an http:// or https:// URL")
    return Custom(
        settings.usable_num,
        settings.lease_ttl,
        settings.bad_cooldown,
        settings.max_leases_per_64,
        tuple(settings.check_urls),
    )


def _askable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
