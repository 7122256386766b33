"""More idle connections than shells allow files, and more than there may be at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ipv6console.client import EngineRefused, IPv6Client
from ipv6console.wire.status import Level
from tests.faults.conftest import MakeHost
from tests.faults.crowd import gather
from tests.faults.host import PATIENCE

pytestmark = pytest.mark.privileged

CROWD = 1_500
"""More than the 1,024 files a shell allows; `make soak` has ten thousand."""


def test_picks_are_answered_beside_more_idle_connections_than_a_shell_allows_files(make_host: MakeHost) -> None:
    assert gather(make_host(usable_num=20), CROWD) >= CROWD


def test_who_is_one_too_many_is_told_and_the_engine_keeps_the_files_it_needs(
    make_host: MakeHost, eventually: Callable[..., None]
) -> None:
    host = make_host(usable_num=20)
    host.start("prlimit", "--nofile=300:300")
    host.wait_until_well()
    early = IPv6Client(socket=host.socket, timeout=PATIENCE)
    assert early.pick("early").addr
    with early, host.crowd(400) as there:
        assert 100 < there < 200
        with IPv6Client(socket=host.socket, timeout=PATIENCE) as late, pytest.raises(EngineRefused) as refused:
            late.pick("late")
        assert (refused.value.status, "ulimit -n" in refused.value.next) == (503, True)
        assert early.pick("early").addr
        assert early.spawns(20).success
        assert early.health().level is not Level.FAIL

    def served() -> bool:
        with IPv6Client(socket=host.socket, timeout=PATIENCE) as client:
            return client.pick("late").success

    eventually(served, "there is room again", PATIENCE)
