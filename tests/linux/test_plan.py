from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.linux import process, sysctl
from ipv6console.linux.dump import PROTOCOL, Dump
from ipv6console.linux.ndp.block import BEGIN
from ipv6console.linux.ndp.remedy import of_daemon
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.plan import HostPlan
from ipv6console.linux.trouble import HostError
from ipv6console.linux.watch import KernelWatch
from tests.linux.conftest import GATEWAY, NOBODY, PREFIX, Host, Peer, network_state, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

ENGINE = """
import asyncio, sys
from ipaddress import IPv6Address
from pathlib import Path
from ipv6console.config import NetworkSettings
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch

async def main():
    netlink, settings = Netlink(), NetworkSettings(ndp=sys.argv[2])
    reach = HostReach(settings, Path(sys.argv[1]), netlink)
    await reach.answer_only([int(IPv6Address("2001:db8:4f8:10::cafe"))])
    for prefix in (await KernelWatch(settings, netlink).view()).prefixes:
        await reach.announce(prefix)
    (row,) = await reach.inspect()
    print(row.ndp.pid, row.ndp.level, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


UNPRIVILEGED = """
import asyncio, sys
from pathlib import Path
from ipv6console.config import NetworkSettings
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.plan import HostPlan
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch

async def main():
    netlink, settings = Netlink(), NetworkSettings()
    reach = HostReach(settings, Path(sys.argv[1]), netlink)
    view = await KernelWatch(settings, netlink).view()
    print("privileged", reach.privileged())
    try:
        await reach.announce(view.prefixes[0])
    except OSError as error:
        print("announce", error)
    (row,) = await reach.inspect()
    print("route", row.route, "ndp", row.ndp.level, row.ndp.text, row.ndp.fix)
    for finding in row.findings:
        print("finding", finding.text, "|", finding.fix)
    await reach.withdraw_all()
    try:
        await HostPlan(settings, Path(sys.argv[1]), netlink).apply()
    except OSError as error:
        print("apply", error)
    await netlink.close()

asyncio.run(main())
"""


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A state directory an ordinary user can reach; pytest's own are for the one who runs it."""
    with TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def plan(host: Host, netlink: Netlink, state_dir: Path) -> HostPlan:
    return HostPlan(NetworkSettings(), state_dir, netlink)


async def test_the_plan_lists_every_change_as_a_command_and_changes_nothing(
    host: Host, upstream: Peer, plan: HostPlan
) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    before = network_state(host)

    changes = await plan.changes()

    assert network_state(host) == before
    assert [change.in_place for change in changes] == [False] * 5
    assert [change.command.split()[0] for change in changes] == ["sysctl", "nft", "ip", "ip", "ndppd"]
    assert [change.engine for change in changes] == [False, False, False, False, True]


async def test_the_listed_commands_do_what_apply_does(host: Host, upstream: Peer, plan: HostPlan) -> None:
    host.shell(f"ip -6 route replace default via {GATEWAY} dev up0")
    commands = [change.command for change in await plan.changes() if not change.engine]
    await plan.apply()
    applied = network_state(host)
    await plan.teardown()

    for command in commands:
        host.shell(command)

    assert network_state(host) == applied


async def test_apply_spares_the_gateway_inside_a_prefix_that_only_the_network_shows_to_be_on_link(
    host: Host, upstream: Peer, netlink: Netlink, state_dir: Path
) -> None:
    """No route or address says so: by the routes alone the local route would cut the host off from its gateway."""
    upstream.shell("ip addr add 2001:db8:5::1/56 dev dn0 nodad")
    host.shell("ip -6 route replace default via 2001:db8:5::1 dev up0 onlink")
    plan = HostPlan(NetworkSettings(prefixes=("2001:db8:5::/56",)), state_dir, netlink)

    made = await plan.apply()

    assert any("2001:db8:5::1/128 dev up0" in change.command for change in made)
    host.shell("ping -c1 -W2 2001:db8:5::1")
    assert all(change.in_place for change in await plan.changes() if not change.engine)
    await plan.teardown()


async def test_applying_twice_makes_nothing_the_second_time(upstream: Peer, plan: HostPlan) -> None:
    first = await plan.apply()
    second = await plan.apply()

    assert [change.command for change in first if PREFIX in change.command]
    assert second == ()
    assert all(change.in_place for change in await plan.changes() if not change.engine)


async def test_teardown_after_a_killed_engine_removes_what_it_added_and_nothing_else(
    host: Host, upstream: Peer, plan: HostPlan, state_dir: Path
) -> None:
    host.shell("ip -6 route add local 2001:db8:7::/64 dev lo proto static")
    host.shell(f"ip -6 route add 2001:db8:8::/64 via fe80::1 dev up0 proto {PROTOCOL}")
    before = network_state(host)
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ENGINE, str(state_dir), "ndppd"), stdout=asyncio.subprocess.PIPE
    )
    assert engine.stdout is not None
    pid, level = (await engine.stdout.readline()).split()
    assert level == b"ok"
    assert process.name(int(pid)) == "ndppd"

    engine.send_signal(signal.SIGKILL)
    await engine.wait()
    await until(lambda: process.cpu_use(int(pid)) is None)
    assert network_state(host) != before
    undone = await plan.teardown()

    assert network_state(host) == before
    assert [change.command.split()[0] for change in undone] == ["ip", "nft", "sysctl"]
    assert host.shell(f"ls {state_dir}") == ""
    assert await plan.teardown() == ()


@pytest.mark.parametrize("strategy", ["responder", "address", "proxy"])
async def test_teardown_after_a_killed_engine_undoes_what_was_there_for_live_addresses(
    strategy: str, host: Host, upstream: Peer, plan: HostPlan, state_dir: Path
) -> None:
    before = network_state(host)
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ENGINE, str(state_dir), strategy), stdout=asyncio.subprocess.PIPE
    )
    assert engine.stdout is not None
    assert (await engine.stdout.readline()).split()[1] == b"ok"
    assert network_state(host) != before

    engine.send_signal(signal.SIGKILL)
    await engine.wait()
    left = network_state(host)
    told = await plan.teardown(dry=True)
    assert network_state(host) == left
    undone = await plan.teardown()

    assert {change.command for change in undone} <= {change.command for change in told}
    assert network_state(host) == before
    await until(lambda: not process.with_argument_below(f"--owner={state_dir}"))
    assert host.shell(f"ls {state_dir}") == ""
    assert await plan.teardown() == ()


@pytest.mark.parametrize(
    ("strategy", "programs"),
    [
        ("responder", ["python"]),
        ("address", ["ip"]),
        ("proxy", ["sysctl", "sysctl", "sysctl", "sysctl", "ip"]),
        ("routed", []),
    ],
)
async def test_the_plan_lists_what_the_strategy_needs(
    strategy: str, programs: list[str], upstream: Peer, netlink: Netlink, state_dir: Path
) -> None:
    changes = await HostPlan(NetworkSettings(ndp=strategy), state_dir, netlink).changes()

    assert [change.command.split()[0] for change in changes if change.engine] == programs
    assert not any(change.in_place for change in changes)


async def test_teardown_ends_an_ndppd_that_outlived_its_engine(
    host: Host, upstream: Peer, plan: HostPlan, state_dir: Path
) -> None:
    config = state_dir / "ndppd-up0.conf"
    host.shell(
        f"mkdir {state_dir} && printf 'proxy up0 {{\\n}}\\n' > {config} && ndppd -d -c {config} -p {state_dir}/pid"
    )
    (pid,) = process.with_argument(str(config))
    onlooker = await asyncio.create_subprocess_exec("tail", "-f", str(config), stdout=asyncio.subprocess.DEVNULL)

    await plan.teardown()

    await until(lambda: process.cpu_use(pid) is None)
    assert not process.stopped(onlooker.pid)
    assert onlooker.returncode is None
    onlooker.terminate()
    assert await onlooker.wait() == -signal.SIGTERM


async def test_what_the_doctor_had_started_leaves_nothing_behind(
    host: Host, upstream: Peer, netlink: Netlink, plan: HostPlan, state_dir: Path
) -> None:
    (prefix,) = (await KernelWatch(NetworkSettings(), netlink).view()).prefixes
    host.shell(of_daemon(prefix, "ndppd", NetworkSettings(), state_dir).fix or "false")
    (state_dir / "ndppd-up0.conf.new").touch()

    await plan.teardown()

    assert host.shell(f"ls {state_dir}") == ""


async def test_teardown_undoes_the_rest_when_the_block_in_the_systems_file_cannot_be_told(
    host: Host, upstream: Peer, netlink: Netlink, tmp_path: Path
) -> None:
    before, conf = network_state(host), tmp_path / "ndppd.conf"
    conf.write_text(f"{BEGIN}\n")
    plan = HostPlan(NetworkSettings(ndppd_conf=str(conf)), tmp_path / "state", netlink)
    await plan.apply()
    assert network_state(host) != before

    with pytest.raises(HostError, match=r"do not pair up .*; the rest is undone \(\d changes\)$"):
        await plan.teardown()

    assert network_state(host) == before
    assert conf.read_text() == f"{BEGIN}\n"


async def test_without_a_loopback_interface_to_route_to_nothing_is_applied_and_why_is_said(
    upstream: Peer, netlink: Netlink, plan: HostPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = await netlink.dump()

    async def without() -> Dump:
        return replace(dump, links=tuple(link for link in dump.links if not link.loopback))

    monkeypatch.setattr(netlink, "dump", without)
    with pytest.raises(OSError, match="there is no loopback interface"):
        await plan.apply()


async def test_a_setting_that_was_on_before_stays_on(host: Host, upstream: Peer, plan: HostPlan) -> None:
    host.shell("sysctl -qw net.ipv6.ip_nonlocal_bind=1")

    await plan.apply()
    await plan.teardown()

    assert sysctl.read(sysctl.NONLOCAL_BIND) == "1"


async def test_without_privilege_everything_is_readable_and_each_refusal_says_what_to_do(
    host: Host, upstream: Peer, public_dir: Path
) -> None:
    before = network_state(host)
    child = await asyncio.create_subprocess_exec(
        *NOBODY, sys.executable, "-c", UNPRIVILEGED, str(public_dir), stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    told = (await child.communicate())[0].decode()

    assert child.returncode == 0
    assert "privileged False" in told
    assert "announce" in told
    assert "CAP_NET_ADMIN" in told
    assert "route fail ndp fail ndppd cannot run: CAP_NET_RAW is missing sudo ipv6console serve" in told
    assert "finding routes and sysctls cannot be changed: CAP_NET_ADMIN is missing | sudo ipv6console serve" in told
    assert "sysctl -w net.ipv6.ip_nonlocal_bind=1" in told
    assert network_state(host) == before
