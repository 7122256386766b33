"""The doctor without an engine: the same walk, from this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipv6console import paths
from ipv6console.commands.failure import ExitCode, Failure
from ipv6console.commands.spelling import canonical
from ipv6console.engine.checker import Checker, Outcome
from ipv6console.engine.clock import BootClock
from ipv6console.engine.echo import Echo
from ipv6console.linux.doctor import HostDoctor
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.prefix import format_prefix

if TYPE_CHECKING:
    from ipv6console.config import Settings
    from ipv6console.engine.protocol import HostPrefix
    from ipv6console.wire.doctor import DoctorReport


async def examine(settings: Settings, prefix: str | None) -> DoctorReport:
    """Walk the chain for `prefix` of this host, the best one when None; raises Failure and OSError."""
    checker = Checker(
        Echo(settings.check.timeout), settings.check.urls, BootClock(), concurrency=settings.check.concurrency
    )

    async def prove(source: int) -> tuple[bool, str]:
        verdict = await checker.check(source)
        return verdict.outcome is Outcome.USABLE, verdict.text

    netlink = Netlink()
    try:
        folder = paths.state_dir(settings.engine.state_dir)
        doctor = HostDoctor(settings.network, folder, netlink, None, prove)
        return await doctor.examine(None if prefix is None else await _find(settings, netlink, prefix))
    finally:
        await netlink.close()


async def _find(settings: Settings, netlink: Netlink, prefix: str) -> HostPrefix:
    wanted = canonical(prefix)
    view = await KernelWatch(settings.network, netlink).view()
    names = {format_prefix(host.network, host.length): host for host in view.prefixes}
    if wanted not in names:
        have = f"it has {', '.join(names)}" if names else "it has none"
        raise Failure(
            f"this host has no usable prefix {wanted}",
            next=f"{have}; leave --prefix out for the best",
            code=ExitCode.NO,
        )
    return names[wanted]
