"""Moving in: taking over the pool of an older system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from typing import TypeVar

from ipv6console.engine.answering import Answering
from ipv6console.engine.caller import Caller
from ipv6console.engine.checker import Checker, Outcome
from ipv6console.engine.core import Core
from ipv6console.engine.errors import InvalidRequest, Unavailable
from ipv6console.engine.pace import Pace
from ipv6console.pool.change import Change
from ipv6console.pool.prefix import Prefix, Standing
from ipv6console.quantity import addresses, many
from ipv6console.wire.importing import ImportedMirror, ImportReport, ImportRequest

_AT_ONCE = 200
"""So much is done before others get their turn: about a millisecond."""

_STATUSES = ("idle", "using", "bad")

T = TypeVar("T")


class Moving:
    """Takes addresses in like any others, after a check, and with them what the older mirrors knew of them."""

    def __init__(self, core: Core, checker: Checker, answering: Answering, pace: Pace, on_link: set[int]) -> None:
        self._core = core
        self._answering = answering
        self._checker = checker
        self._pace = pace
        self._on_link = on_link

    async def take_over(self, request: ImportRequest, caller: Caller) -> ImportReport:
        """Import what passes its check; malformed input is refused before anything is done."""
        core = self._core
        wanted = {core.address(row.addr): row.addr async for row in _in_turns(request.addresses)}
        for mirror in request.mirrors:
            core.check_name(mirror.dbname)
            async for usage in _in_turns(mirror.usages):
                core.address(usage.addr)
                if usage.status not in _STATUSES or not 0 <= usage.use_count < 1 << 31:
                    raise InvalidRequest(
                        f"{usage.addr} in {mirror.dbname}: status {usage.status!r}, use_count {usage.use_count}",
                        next="a status is idle, using or bad, a use_count a whole number from 0",
                    )
        await self._make_room(request)
        reasons = await self._admit_all(wanted)
        skipped = {
            text: why async for address, text in _in_turns(wanted.items()) if (why := reasons[address]) is not None
        }
        bad = 0
        for older in request.mirrors:
            bad += await self._adopt(older)
        taken = len(wanted) - len(skipped)
        text = f"{addresses(taken)} and {many(len(request.mirrors), 'mirror', 'mirrors')} taken over, {addresses(len(skipped))} left out"
        core.journal.write("pool.imported", text, actor=caller.label, count=taken, skipped=len(skipped))
        core.changed.set()
        return ImportReport(addresses=taken, mirrors=len(request.mirrors), bad=bad, skipped=skipped)

    async def _make_room(self, request: ImportRequest) -> None:
        """Make the mirrors that are missing, or none of them; raises Unavailable."""
        core = self._core
        most, known = core.settings.pool.max_mirrors, core.working().mirrors
        missing = {mirror.dbname for mirror in request.mirrors} - known.keys()
        if len(known) + len(missing) > most:
            raise Unavailable(
                f"with the {len(missing)} mirrors to take over there would be {len(known) + len(missing)}, and"
                f" pool.max_mirrors allows {most}; nothing was done",
                next="raise pool.max_mirrors and restart the engine, or leave some of the files out",
            )
        await core.commit(*(core.mirror(name)[1] for name in sorted(missing)))

    async def _admit_all(self, addresses: Collection[int]) -> dict[int, str | None]:
        waiting = iter(addresses)
        reasons: dict[int, str | None] = {}

        async def work() -> None:
            # Many may be refused without a check, and nothing is waited for then.
            async for address in _in_turns(waiting):
                reasons[address] = await self._admit(address)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._core.settings.check.concurrency, len(addresses))):
                    group.create_task(work())
        except ExceptionGroup as errors:
            # The others are cancelled by then, and have the same cause.
            raise errors.exceptions[0] from None
        return reasons

    async def _admit(self, address: int) -> str | None:
        core = self._core
        prefix = self._home(address)
        if prefix is None:
            return "it is in no active prefix"
        if core.working().table.find(address) is not None:
            return None
        if (obstacle := self._obstacle(address)) is not None:
            return obstacle
        if prefix.id in self._on_link:
            await self._pace.turn()
        async with self._answering.candidate(address):
            verdict = await self._checker.check(address)
            if verdict.outcome is not Outcome.USABLE:
                return verdict.text
            change = core.take_in(address, prefix)
            await core.commit(change)
        return None if change is not None else self._obstacle(address) or "its prefix was withdrawn meanwhile"

    def _obstacle(self, address: int) -> str | None:
        core = self._core
        if address in core.pool.exclusions:
            return "it is excluded: reserved, revoked, or in use on the link"
        if core.taken(address):
            return "it is bound, reserved or part of a delegated prefix in a space"
        return "the pool holds max_total addresses" if core.is_full() else None

    async def _adopt(self, older: ImportedMirror) -> int:
        core, bad = self._core, 0
        for start in range(0, len(older.usages), _AT_ONCE):
            # Anew for each piece: the pool may have been read back from the store while the one before was committed.
            mirror, made = core.mirror(older.dbname)
            pool, now = core.working(), core.clock.now()
            changes: list[Change | None] = [made]
            for usage in older.usages[start : start + _AT_ONCE]:
                row = pool.table.find(core.address(usage.addr))
                if row is None or (usage.status != "bad" and not usage.use_count):
                    continue
                # Older leases never end, so an address that was in use when the files were written is idle here.
                change = pool.adopt(mirror, row, bad=usage.status == "bad", uses=usage.use_count, now=now)
                bad += change is not None and usage.status == "bad"
                changes.append(change)
            await core.commit(*changes)
            await asyncio.sleep(0)
        return bad

    def _home(self, address: int) -> Prefix | None:
        prefixes = self._core.pool.prefixes.values()
        return next((p for p in prefixes if p.standing is Standing.ACTIVE and address in p), None)


async def _in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items, and let others have their turn in between."""
    for number, item in enumerate(items, 1):
        yield item
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
