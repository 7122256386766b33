"""Two thousand addresses on one link, at the engine's own pace: the neighbour table upstream never overflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipv6console.config import CheckSettings, NetworkSettings, PoolSettings, Settings
from ipv6console.engine.echo import Echo
from ipv6console.engine.engine import Engine
from ipv6console.linux.doctor import HostDoctor
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.store.database import SqliteStore
from ipv6console.wire.status import Level
from tests.linux.conftest import SITE, Host, Peer, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

MANY = 2_000
PACE, WINDOW = 700, 6.0
"""A window for a router that forgets quickly (QUICK): what is reachable for 0.4 s at most, and then has to lie still for
the 5 s that are fixed in the kernel, makes room before it ends. With the settings routers have it is up to 45 and 5 s.
The table is one for the whole machine: some of its 1,024 entries are left to whatever else runs there."""

QUICK = "sysctl -qw net.ipv6.neigh.dn0.base_reachable_time_ms=250 net.ipv6.neigh.dn0.delay_first_probe_time=0"

ECHO = f"""
import asyncio

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    seen = writer.get_extra_info("peername")[0].encode()
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s" % (len(seen), seen))
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "{SITE}", 80, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def repeated(snmp: str) -> int:
    """Return how many TCP segments were sent again, of /proc/net/snmp: what a full table swallowed."""
    names, figures = (line.split() for line in snmp.splitlines() if line.startswith("Tcp:"))
    return int(figures[names.index("RetransSegs")])


@pytest.mark.parametrize("strategy", ["responder", "ndppd"])
async def test_no_solicitation_for_two_thousand_addresses_stays_unanswered_and_no_table_overflows(
    strategy: str, host: Host, upstream: Peer, netlink: Netlink, tmp_path: Path
) -> None:
    # A solicitation that is not answered is not repeated before the check has failed.
    upstream.shell(f"{QUICK} net.ipv6.neigh.dn0.retrans_time_ms=10000")
    upstream.run(ECHO)
    settings = Settings(
        pool=PoolSettings(usable_num=MANY, max_total=MANY),
        check=CheckSettings(urls=(f"http://[{SITE}]/ip",), pace=PACE, pace_window=WINDOW, probe=0.0),
        network=NetworkSettings(ndp=strategy),
    )
    reach, echo = HostReach(settings.network, tmp_path, netlink), Echo(settings.check.timeout)

    async def unused(_: int) -> tuple[bool, str]:
        return True, ""

    store = await SqliteStore.open(tmp_path / "engine.db")
    engine = Engine(
        settings,
        store=store,
        watch=KernelWatch(settings.network, netlink),
        reach=reach,
        doctor=HostDoctor(settings.network, tmp_path, netlink, reach, unused),
        echo=echo,
    )

    async def counted() -> bool:
        (row,) = await reach.inspect()
        if strategy == "responder" and (row.ndp.answered or 0) < MANY:
            return False
        return row.ndp.level is Level.OK and row.ndp.solicited == row.ndp.answered

    await engine.start()
    try:
        took = await until(lambda: engine.state().pool.spawned >= MANY, within=60)
        pool = engine.state().pool
        await until(counted)
    finally:
        await engine.stop()
        await store.close()

    assert took > 2 * WINDOW
    assert (pool.spawned, pool.checks_failed) == (MANY, 0)
    tables = "cat /proc/thread-self/net/snmp"
    assert (repeated(host.shell(tables)), repeated(upstream.shell(tables))) == (0, 0)
