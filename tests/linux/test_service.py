"""The system's ndppd: our block in a file that is somebody else's, and a restart that is verified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import process
from ipv6console.linux.ndp import service
from ipv6console.linux.ndp.block import BEGIN, END
from ipv6console.linux.ndp.service import BACKUP, ServiceFile, answering
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.plan import HostPlan
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.pool.address import parse_address
from ipv6console.wire.status import Level
from tests.linux.conftest import PREFIX, THEIRS, Host, Peer, seen_from, service_settings, until

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]

POOLED = "2001:db8:4f8:10::cafe"


def read(path: Path) -> str:
    return path.read_text()


def write(path: Path, text: str) -> None:
    path.write_text(text)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def settings(host: Host, tmp_path: Path) -> Iterator[NetworkSettings]:
    found = service_settings(tmp_path)
    yield found
    for number in process.with_argument(found.ndppd_conf):
        process.kill(number, 2.0)


@pytest.fixture
def conf(settings: NetworkSettings) -> Path:
    path = Path(settings.ndppd_conf)
    path.write_text(THEIRS)
    path.chmod(0o640)
    return path


@pytest.fixture
async def prefix(upstream: Peer, netlink: Netlink) -> HostPrefix:
    (found,) = (await KernelWatch(NetworkSettings(interfaces=("up0",)), netlink).view()).prefixes
    return found


@pytest.fixture
def reach(settings: NetworkSettings, netlink: Netlink, tmp_path: Path) -> HostReach:
    return HostReach(settings, tmp_path / "state", netlink)


async def test_the_services_ndppd_answers_and_the_file_is_put_back(
    prefix: HostPrefix, reach: HostReach, conf: Path
) -> None:
    await reach.announce(prefix)

    assert await seen_from(POOLED) == POOLED
    text = read(conf)
    assert text.startswith(THEIRS + BEGIN)
    assert text.endswith(END + "\n")
    assert PREFIX in text
    assert conf.with_name("ndppd.conf.before-ipv6console").read_text() == THEIRS
    (row,) = await reach.inspect()
    assert (row.ndp.level, row.ndp.config) == (Level.OK, str(conf))

    await reach.withdraw_all()
    assert read(conf) == THEIRS
    assert mode(conf) == 0o640
    assert not conf.with_name("ndppd.conf.before-ipv6console").exists()


async def test_without_a_file_one_is_made_and_goes_again(
    prefix: HostPrefix, reach: HostReach, settings: NetworkSettings
) -> None:
    await reach.announce(prefix)
    assert await seen_from(POOLED) == POOLED

    await reach.withdraw_all()

    await until(lambda: not process.with_argument(settings.ndppd_conf))
    assert sorted(path.name for path in Path(settings.ndppd_conf).parent.iterdir()) == ["restart", "state"]


async def test_a_file_the_daemon_does_not_take_is_rolled_back_and_said(
    prefix: HostPrefix, reach: HostReach, conf: Path, settings: NetworkSettings
) -> None:
    """An ndppd that refuses to start with our block, and starts with what was there before."""
    script = Path(settings.ndppd_restart)
    write(script, read(script).replace("[ -f", f"grep -q ipv6console {conf} && echo no >&2 && exit 3\n[ -f", 1))

    await reach.announce(prefix)

    assert read(conf) == THEIRS
    (row,) = await reach.inspect()
    assert row.ndp.level is Level.FAIL
    assert "ended with status 3: no" in row.ndp.text
    assert "as it was before" in row.ndp.text
    assert process.with_argument(str(conf))
    await reach.withdraw_all()


async def test_an_interface_somebody_else_serves_is_refused_and_nothing_is_changed(
    prefix: HostPrefix, reach: HostReach, conf: Path
) -> None:
    theirs = THEIRS.replace("lan0", "up0")
    write(conf, theirs)

    await reach.announce(prefix)

    (row,) = await reach.inspect()
    assert row.ndp.level is Level.FAIL
    assert "has a proxy block for up0 that is not ours" in row.ndp.text
    assert read(conf) == theirs
    await reach.withdraw_all()
    assert read(conf) == theirs


async def test_a_service_that_died_is_restarted(prefix: HostPrefix, reach: HostReach, conf: Path) -> None:
    await reach.announce(prefix)
    (row,) = await reach.inspect()
    assert row.ndp.pid is not None
    process.kill(row.ndp.pid, 2.0)

    await reach.inspect()

    (after,) = await reach.inspect()
    assert (after.ndp.level, after.ndp.restarts) == (Level.OK, 1)
    assert after.ndp.pid != row.ndp.pid
    await reach.withdraw_all()


async def test_the_plan_shows_the_difference_and_changes_nothing(
    prefix: HostPrefix, conf: Path, plan: HostPlan
) -> None:
    changes = await plan.changes()

    (change,) = [change for change in changes if "ndppd" in change.what]
    assert f"+++ {conf}" in change.what
    assert f"+   rule {PREFIX} {{" in change.what
    assert read(conf) == THEIRS


@pytest.fixture
def plan(settings: NetworkSettings, netlink: Netlink, tmp_path: Path) -> HostPlan:
    return HostPlan(settings, tmp_path / "state", netlink)


async def test_teardown_takes_the_block_of_a_killed_engine_out(
    prefix: HostPrefix, reach: HostReach, conf: Path, plan: HostPlan
) -> None:
    await reach.announce(prefix)

    undone = await plan.teardown()

    assert read(conf) == THEIRS
    assert any("took our block out" in change.what for change in undone)
    assert await plan.teardown() == ()


async def test_teardown_removes_the_copy_of_an_engine_killed_before_it_wrote(conf: Path, plan: HostPlan) -> None:
    copy = conf.with_name(conf.name + BACKUP)
    write(copy, THEIRS)

    await plan.teardown()

    assert not copy.exists()
    assert read(conf) == THEIRS


async def test_a_block_written_by_an_engine_killed_before_the_restart_takes_effect(
    prefix: HostPrefix, reach: HostReach, settings: NetworkSettings, conf: Path
) -> None:
    file = ServiceFile(settings)
    write(conf, THEIRS.replace("lan0", "up0"))
    assert await file.restart() is None
    await until(lambda: answering("up0"))
    write(conf, THEIRS)
    file.write(file.planned({"up0": ((prefix.network, prefix.length),)}))

    await reach.announce(prefix)

    assert await seen_from(POOLED) == POOLED
    await reach.withdraw_all()


async def test_an_interface_somebody_else_serves_is_looked_at_again_without_a_restart(
    prefix: HostPrefix, reach: HostReach, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.0)
    write(conf, THEIRS.replace("lan0", "up0"))
    await reach.announce(prefix)

    for _ in range(3):
        (row,) = await reach.inspect()

    assert row.ndp.restarts == 0
    write(conf, THEIRS)
    await reach.inspect()
    (row,) = await reach.inspect()
    assert (row.ndp.level, row.ndp.restarts) == (Level.OK, 1)
    await reach.withdraw_all()


async def test_a_service_that_does_not_come_up_is_disturbed_less_and_less_often(
    prefix: HostPrefix, reach: HostReach, conf: Path, settings: NetworkSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.1)
    monkeypatch.setattr(service, "_LAST_PAUSE", 0.8)
    calls = conf.with_name("calls")
    write(Path(settings.ndppd_restart), f"#!/bin/sh\ngrep -q ipv6console {conf} && date +%s.%N >>{calls}\nexit 1\n")
    await reach.announce(prefix)

    async def tried() -> bool:
        await reach.inspect()
        return len(read(calls).split()) >= 6

    await until(tried, within=30)
    moments = [float(word) for word in read(calls).split()]
    # Once by announcing, once as soon as it is looked at, then after 0.1, 0.2, 0.4 and 0.8 s.
    assert moments[5] - moments[1] >= 1.5
    await reach.withdraw_all()


def test_of_a_link_what_it_leads_to_is_changed(settings: NetworkSettings, conf: Path) -> None:
    real = conf.with_name("real.conf")
    conf.rename(real)
    conf.symlink_to(real)
    file = ServiceFile(settings)

    file.write(file.planned({"up0": ((parse_address("2001:db8::"), 64),)}))

    assert conf.is_symlink()
    assert read(real).startswith(THEIRS + BEGIN)


async def test_a_block_that_cannot_be_taken_out_at_the_end_is_told(
    prefix: HostPrefix, reach: HostReach, conf: Path
) -> None:
    await reach.announce(prefix)
    damaged = read(conf).replace(END, "")
    write(conf, damaged)

    with pytest.raises(OSError, match="do not pair up"):
        await reach.withdraw_all()

    assert read(conf) == damaged


async def test_teardown_says_what_a_restart_said_that_failed(
    prefix: HostPrefix, reach: HostReach, conf: Path, plan: HostPlan, settings: NetworkSettings
) -> None:
    await reach.announce(prefix)
    write(Path(settings.ndppd_restart), "#!/bin/sh\necho no such unit >&2\nexit 5\n")

    undone = await plan.teardown()

    assert any("took our block out" in one.what and "ended with status 5: no such unit" in one.what for one in undone)
    assert read(conf) == THEIRS
