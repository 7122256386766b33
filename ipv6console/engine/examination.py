"""Proof on request: whether addresses work, and where the chain of a prefix is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ipv6console.engine.answering import Answering
from ipv6console.engine.checker import Checker, Outcome, Verdict
from ipv6console.engine.core import Core
from ipv6console.engine.errors import NotFound, Unavailable
from ipv6console.engine.protocol import Doctor, PrefixWatch
from ipv6console.engine.records import parsed_prefix
from ipv6console.engine.spawner import PACED, Spawner
from ipv6console.pool.prefix import format_prefix
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.reply import CheckReply


class Examination:
    """Checks single addresses, and has the doctor walk the chain."""

    def __init__(
        self,
        core: Core,
        checker: Checker,
        answering: Answering,
        spawner: Spawner,
        *,
        watch: PrefixWatch,
        doctor: Doctor,
    ) -> None:
        self._core = core
        self._spawner = spawner
        self._checker = checker
        self._answering = answering
        self._watch = watch
        self._doctor = doctor
        # A request may name thousands of addresses: fresh ones and prefixes are proved beside it all the same.
        self._slots = asyncio.Semaphore(max(1, core.settings.check.concurrency // 2))

    async def check(self, addrs: Sequence[str]) -> dict[str, CheckReply]:
        """Prove addresses of the pool's prefixes now, side by side; keys are the texts given."""
        wanted = {addr: self._core.address(addr) for addr in addrs}
        verdicts = await asyncio.gather(*(self._verdict(address) for address in wanted.values()))
        return {
            addr: CheckReply(success=True, addr=addr, usable=verdict.outcome is Outcome.USABLE, detail=verdict.text)
            for addr, verdict in zip(wanted, verdicts, strict=True)
        }

    async def examine(self, prefix: str | None) -> DoctorReport:
        """Walk the chain for one prefix of the kernel's, or for the best; raises NotFound and Unavailable."""
        if prefix is None:
            return await self._doctor.examine(None)
        wanted = parsed_prefix(prefix)
        try:
            view = await self._watch.view()
        except OSError as error:
            raise Unavailable(
                f"the kernel cannot be asked for prefixes: {error}", next="ask again in a moment"
            ) from error
        for host in view.prefixes:
            if (host.network, host.length) == wanted:
                return await self._doctor.examine(host)
        raise NotFound(
            f"the kernel has no prefix {format_prefix(*wanted)}", next="leave the prefix out to examine the best one"
        )

    async def prove(self, source: int) -> tuple[bool, str]:
        """Return whether an echo URL sees `source`, and what was seen, for the doctor."""
        verdict = await self._checker.check(source)
        return verdict.outcome is Outcome.USABLE, verdict.text

    async def _verdict(self, address: int) -> Verdict:
        pool = self._core.pool
        home = next((prefix for prefix in pool.prefixes.values() if address in prefix), None)
        if home is None:
            return Verdict(Outcome.UNUSABLE, "it is in none of the pool's prefixes; GET /stats names the prefix")
        async with self._slots:
            if pool.table.find(address) is None and not self._spawner.admits(home):
                return Verdict(Outcome.UNDECIDED, PACED)
            async with self._answering.candidate(address):
                return await self._checker.check(address)
