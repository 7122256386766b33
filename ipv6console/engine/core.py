"""What every part of the engine shares: the pool, the store it is committed to, the clock and the journal."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from random import Random

from ipv6console.config import Settings
from ipv6console.engine.clock import Clock
from ipv6console.engine.errors import InvalidRequest, Unavailable
from ipv6console.engine.journal import Journal
from ipv6console.engine.protocol import Change, Durability, Settled, Store, StoreError
from ipv6console.engine.traffic import Traffic
from ipv6console.pool.address import InvalidAddress, parse_address, parse_ipv6
from ipv6console.pool.change import AddressAdded, Snapshot, TokenRecorded
from ipv6console.pool.change import Change as PoolChange
from ipv6console.pool.exclusion import Exclusions
from ipv6console.pool.limits import InvalidName, Limits, TooManyMirrors, check_name
from ipv6console.pool.mirror import Mirror
from ipv6console.pool.pool import Pool
from ipv6console.pool.prefix import Prefix, covers, parse_prefix
from ipv6console.pool.trail import Trail
from ipv6console.wire.status import Finding, Level

_RETRY = 1.0
_SOON = 0.02
log = logging.getLogger("ipv6console")


class Secrets:
    """Unguessable words of 16 characters, as `secrets.token_urlsafe(12)` makes them, drawn from the kernel in one go."""

    _AT_ONCE, _BYTES, _LETTERS = 256, 12, 16

    def __init__(self) -> None:
        self._drawn = ""
        self._place = 0

    def __call__(self) -> str:
        """Return one that was never returned before."""
        if self._place == len(self._drawn):
            self._drawn = secrets.token_urlsafe(self._AT_ONCE * self._BYTES)
            self._place = 0
        start = self._place
        self._place = start + self._LETTERS
        return self._drawn[start : self._place]


class Signal:
    """Something changed; everybody who waits is woken."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Event] = []
        self._soon: asyncio.TimerHandle | None = None

    def listen(self) -> asyncio.Event:
        """Return an event of the caller's own, set at every change; the caller clears it."""
        event = asyncio.Event()
        self._waiting.append(event)
        return event

    def set(self) -> None:
        """Wake everybody."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        for event in self._waiting:
            event.set()

    def set_soon(self) -> None:
        """Wake everybody within 20 ms, once for all that changes meanwhile."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(_SOON, self.set)


class Core:
    """One decision, one commit, one reply.

    Memory is only ever ahead of the store by what is being committed. When a commit fails, what memory holds is thrown
    away and read back from the store, so nothing acknowledged is lost and nothing unacknowledged stays.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        random: Random | None = None,
        secret: Callable[[], str] | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.random = random or secrets.SystemRandom()
        self.journal = Journal(store, clock)
        self.traffic = Traffic(events=self.journal.counts)
        self.broken: StoreError | None = None
        self.fallen: tuple[Finding, ...] = ()
        self.tokens: dict[str, TokenRecorded] = {}
        self.present: frozenset[int] = frozenset()
        self.changed = Signal()
        # Each is given everything committed, and holds that alone from then on.
        self.followers: list[Callable[[Snapshot], None]] = []
        # Whether an address is bound, reserved or delegated in a space, so that the pool may not have it.
        self.taken: Callable[[int], bool] = lambda _: False
        self._secret = secret or Secrets()
        self._durability = Durability(settings.pool.durability)
        self._reload: asyncio.Task[None] | None = None
        self.pool = self._blank()
        # Microseconds: a later engine's numbers begin above any of this one's, so none is taken for one of them.
        self.pool.table.trail = Trail(int(clock.now() * 1e6))

    async def open(self) -> None:
        """Read everything committed."""
        await self.journal.open()
        for finding in self.store.findings:
            text = f"{finding.text}; {finding.fix}" if finding.fix else finding.text
            self.journal.fail("store.found", text, fix=finding.fix)
        snapshot = await self.store.load()
        self.tokens = {token.name: token for token in snapshot.tokens}
        pool = self._filled(snapshot)
        await self._bar(pool)
        self._restore(pool)
        self._lead(snapshot)

    async def close(self) -> None:
        """End what runs in the background."""
        if self._reload is not None:
            self._reload.cancel()
            await asyncio.gather(self._reload, return_exceptions=True)

    async def commit(self, *changes: Change | None, durability: Durability | None = None) -> None:
        """Return once the changes are durable; raises Unavailable when the store cannot take them."""
        rows = [change for change in changes if change is not None]
        if not rows:
            return
        since = self.clock.now()
        try:
            await self.store.commit(rows, durability or self._durability)
        except StoreError as error:
            raise self.refused(error) from error
        self.traffic.commits.observe(self.clock.now() - since)

    def submit(self, changes: Sequence[Change], done: Settled) -> None:
        """Call `done` once `changes`, at least one, are as durable as the settings say; raises Unavailable.

        An error that `done` hears is to be `refused`.
        """
        try:
            self.store.submit(changes, self._durability, done)
        except StoreError as error:
            raise self.refused(error) from error

    def refused(self, error: StoreError) -> Unavailable:
        """Return what callers are told whose changes the store refused, and begin to mend it."""
        self._break(error)
        return Unavailable(f"the store cannot commit: {error}", next=error.fix)

    async def checkpoint(self) -> None:
        """Bring the database file up to date with its write-ahead log; raises Unavailable."""
        try:
            await self.store.checkpoint()
        except StoreError as error:
            raise Unavailable(f"the store cannot be saved: {error}", next=error.fix) from error

    def working(self) -> Pool:
        """Return the pool for a change; raises Unavailable while the store is broken."""
        if self.broken is not None:
            raise Unavailable(f"the store cannot commit: {self.broken}", next=self.broken.fix)
        return self.pool

    def mirror(self, name: str) -> tuple[Mirror, PoolChange | None]:
        """Return the mirror `name`, made by the first request; raises Refusal for a careless name."""
        try:
            return self.working().mirror(name, self.clock.now())
        except InvalidName as error:
            raise InvalidRequest(str(error), next="choose a name like task1 or shop.example-eu") from error
        except TooManyMirrors as error:
            raise Unavailable(str(error), next="use an existing dbname, or raise pool.max_mirrors") from error

    def fall(self, part: str, error: BaseException) -> None:
        """Tell that a part of the engine ended by a defect and does its work no more, until the engine is restarted."""
        log.error("%s of the engine ended", part, exc_info=error)
        text = f"{part} of the engine ended by a defect: {error!r}"
        fix = "restart the engine, and report the traceback in its log"
        self.journal.fail("engine.failed", f"{text}; {fix}")
        self.fallen += (Finding(subject="engine", level=Level.FAIL, text=text, fix=fix),)

    def is_full(self) -> bool:
        """Return whether the pool holds `max_total` addresses."""
        return self.pool.table.live >= self.settings.pool.max_total

    def take_in(self, address: int, prefix: Prefix) -> AddressAdded | None:
        """Add a proved address; None when there is no place for it any more: checks take time, and others run beside."""
        pool = self.working()
        known = pool.prefixes.get(prefix.id)
        if known is None or self.is_full() or self.taken(address):
            return None
        return pool.add(address, known, self.clock.now())

    def leased_in(self, prefix: Prefix) -> int:
        """Return how many live leases are of addresses of `prefix`."""
        return sum(mirror.held_in(prefix.id) for mirror in self.pool.mirrors.values())

    def known_mirror(self, name: str) -> Mirror | None:
        """Return the mirror if there is one; raises InvalidRequest for a name that can never be one."""
        found = self.pool.mirrors.get(name)
        if found is None:
            self.check_name(name)
        return found

    def check_name(self, name: str) -> None:
        """Raise InvalidRequest unless `name` can be a mirror's."""
        try:
            check_name(name)
        except InvalidName as error:
            raise InvalidRequest(str(error), next="choose a name like task1 or shop.example-eu") from error

    def address(self, text: str) -> int:
        """Return the address in `text`; raises InvalidRequest."""
        try:
            return parse_ipv6(text)
        except InvalidAddress as error:
            raise InvalidRequest(str(error), next="give one IPv6 address, as /pick returned it") from error

    def _blank(self) -> Pool:
        pool = self.settings.pool
        limits = Limits(
            lease_ttl=pool.lease_ttl,
            tokenless_ttl=pool.tokenless_ttl,
            bad_cooldown=pool.bad_cooldown,
            bad_cooldown_max=pool.bad_cooldown_max,
            max_mirrors=pool.max_mirrors,
            max_leases_per_64=pool.max_leases_per_64,
            breaker_verdicts=pool.breaker_verdicts,
            breaker_ratio=pool.breaker_ratio,
        )
        exclusions = Exclusions(parse_prefix(text) for text in pool.exclude)
        exclusions.see(self.present)
        return Pool(limits, secret=self._secret, exclusions=exclusions)

    def _filled(self, snapshot: Snapshot) -> Pool:
        pool = self._blank()
        pool.restore(snapshot)
        return pool

    async def _bar(self, pool: Pool) -> None:
        """Take out what the settings have come to forbid since it was committed; raises StoreError."""
        barred = [parse_prefix(text) for text in self.settings.pool.exclude]
        allowed = {parse_address(text) for text in self.settings.network.addresses}
        if not barred and not allowed:
            return
        table = pool.table
        rows = [
            row
            for row in table.rows()
            if (allowed and table.address(row) not in allowed)
            or any(covers(network, length, table.address(row)) for network, length in barred)
        ]
        if not rows:
            return
        gone = pool.remove(rows, self.clock.now(), reason="the settings no longer allow the address")
        await self.store.commit(gone.changes)
        self.journal.warn(
            "address.removed",
            "pool.exclude or network.addresses no longer allows what was in the pool;"
            f" addresses that left it: {gone.removed}, leases that ended with them: {len(gone.ended)}",
            count=gone.removed,
            leases=len(gone.ended),
        )

    def _restore(self, pool: Pool) -> None:
        for name, mirror in self.pool.mirrors.items():
            if name in pool.mirrors:
                pool.mirrors[name].carry_on(mirror)
        # What memory held and the store did not has left the pool.
        pool.departures = self.pool.departures + 1
        for prefix in self.pool.prefixes.values():
            if prefix.severed and prefix.id in pool.prefixes:
                pool.sever(pool.prefixes[prefix.id], prefix.severed)
        pool.table.trail = self.pool.table.trail
        pool.table.trail.lose()
        self.pool = pool
        self.changed.set()

    def _lead(self, snapshot: Snapshot) -> None:
        for follow in self.followers:
            follow(snapshot)

    def _break(self, error: StoreError) -> None:
        if self.broken is None:
            self.broken = error
            text = f"{error}; picks stop until it can commit again: {error.fix}"
            self.journal.fail("store.failed", text, fix=error.fix)
            self._reload = asyncio.create_task(self._mend())
            self._reload.add_done_callback(self._mended)

    def _mended(self, reload: asyncio.Task[None]) -> None:
        error = None if reload.cancelled() else reload.exception()
        if error is not None:
            self.fall("Core.mend", error)

    async def _mend(self) -> None:
        while True:
            try:
                snapshot = await self.store.load()
                pool = self._filled(snapshot)
                # Reading back works on a full disk too: only a commit proves that commits work.
                await self.store.commit([prefix.record() for prefix in pool.prefixes.values()])
            except StoreError as error:
                self.broken = error
                await asyncio.sleep(_RETRY)
            else:
                break
        self._restore(pool)
        self._lead(snapshot)
        self.tokens = {token.name: token for token in snapshot.tokens}
        self.broken = None
        self.journal.write("store.recovered", "the store commits again; the pool was read back from it")
