from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ipv6console.linux import capability
from tests.linux.conftest import NOBODY, Host

pytestmark = pytest.mark.privileged

TELL = """
from ipv6console.linux import capability
print(capability.may_change_routes(), capability.may_open_packet_sockets())
for finding in capability.findings():
    print(finding.text, "|", finding.fix)
"""


def told(*before: str) -> list[str]:
    done = subprocess.run([*before, sys.executable, "-c", TELL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_root_may_do_all_and_there_is_nothing_to_say(host: Host) -> None:
    assert capability.may_change_routes()
    assert capability.may_open_packet_sockets()
    assert capability.findings() == ()


def test_asking_changes_no_route(host: Host) -> None:
    host.shell("ip -6 route add local 2001:db8::/32 dev lo && ip -6 route add 2001:db8::/32 dev lo")
    before = host.shell("ip -6 route show table all")

    assert capability.may_change_routes()

    assert host.shell("ip -6 route show table all") == before


def test_an_ordinary_user_hears_what_is_missing_and_the_command(host: Host) -> None:
    assert told(*NOBODY) == [
        "False False",
        "routes and sysctls cannot be changed: CAP_NET_ADMIN is missing | sudo ipv6console serve",
        "ndppd cannot be run: CAP_NET_RAW is missing | sudo ipv6console serve",
    ]


def test_a_user_namespace_with_its_own_network_counts(host: Host) -> None:
    assert told("unshare", "-Urn") == ["True True"]


def test_a_user_namespace_without_its_own_network_does_not_count(host: Host) -> None:
    (may, routes, *_) = told("unshare", "-Ur")

    assert may == "False False"
    assert "does not count for this network namespace" in routes


def test_the_effective_capabilities_are_read_from_proc() -> None:
    assert (capability.NET_ADMIN in capability.effective()) == (os.geteuid() == 0)
