"""What docs/install.md says, done: the doctor's reports in the lab, the commands on a host of namespaces."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "install.md"
PATIENCE = 60.0
PROGRAM = (sys.executable, "-m", "ipv6console")


def shown() -> dict[str, str]:
    """Return the doctor's reports on the page, by the options of the lab they were seen in."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"<!-- lab: (.*) -->\n\n((?:    .*\n)+)", text)
    return {options: re.sub("^    ", "", block, flags=re.MULTILINE) for options, block in found}


def told(report: str) -> list[str]:
    """Return the verdict and the steps without what differs from run to run: drawn addresses and process numbers."""
    lines = [line for line in report.splitlines() if not line.startswith(" ")]
    drawn = re.findall(r"freebind (\S+): ok", report)
    return [re.sub(r"\b\d+ answers", "N answers", line.replace(drawn[0], "ADDRESS")) for line in lines]


def test_the_page_shows_the_doctor_for_each_kind_of_line() -> None:
    assert len(shown()) == PAGE.read_text(encoding="utf-8").count("<!-- lab:") == 3


@pytest.mark.privileged
@pytest.mark.parametrize("options", shown())
def test_the_doctor_says_in_the_lab_what_the_page_shows(options: str) -> None:
    done = subprocess.run(
        [*PROGRAM, "lab", "run", *shlex.split(options), "--", *PROGRAM, "doctor"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert told(shown()[options]) == told(done.stdout), f"the page is to show:\n{done.stdout}"


_LINE = """
ip link set lo up
ip link add eth0 type veth peer name isp0; ip link set eth0 up; ip link set isp0 up
ip -6 address add fe80::2/64 dev eth0 nodad; ip -6 route add default via fe80::1 dev eth0
ip link add pool0 type veth peer name pool1; ip link set pool1 up; ip link set pool0 up
"""
"""A host with an uplink and an interface of its own for a prefix; not every kernel has dummy interfaces."""


@pytest.fixture
def typed(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that types lines of the page on such a host; `ipv6console` is the program."""

    def type_lines(script: str) -> str:
        words = " ".join(map(shlex.quote, PROGRAM))
        done = subprocess.run(
            ["unshare", "-n", "sh", "-ec", f'{_LINE}\nipv6console() {{ {words} "$@"; }}\n{script}'],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "IPV6CONSOLE_ENGINE_STATE_DIR": str(tmp_path / "state")},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return type_lines


@pytest.mark.privileged
def test_a_delegated_prefix_on_an_interface_of_its_own_is_set_up_and_taken_back(typed: Callable[[str], str]) -> None:
    assert "pool0/0/56/1" in PAGE.read_text(encoding="utf-8")
    said = typed(
        "ip -6 address add 2001:db8:4f8:100::1/56 dev pool0 nodad\n"
        "ipv6console doctor | head -1; ipv6console net plan; echo; ipv6console net apply >/dev/null\n"
        "ip -6 route show table local proto 160; nft list tables; ipv6console doctor | grep '^[brn]' | cut -c1-15; echo\n"
        "ipv6console net teardown >/dev/null; ip -6 route show table local proto 160; nft list tables"
    )
    planned, made, left = said.split("\n\n")
    assert planned.startswith("2001:db8:4f8:100::/56 on pool0: not usable: route\n")
    assert "ip -6 route replace local 2001:db8:4f8:100::/56 dev lo" in planned
    assert made.splitlines()[:2] == [
        "local 2001:db8:4f8:100::/56 dev lo metric 1024 pref medium",
        "table ip6 ipv6console",
    ]
    assert [line.split()[:2] for line in made.splitlines()[2:4]] == [["route", "●"], ["bind", "●"]]
    assert left == ""


@pytest.mark.privileged
def test_a_routed_prefix_named_in_the_settings_is_static(typed: Callable[[str], str], tmp_path: Path) -> None:
    found = re.search(r"    (\[network\])\n    (prefixes = .*)\n", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    (tmp_path / "config.toml").write_text("\n".join(found.groups()) + "\n")
    said = typed(f"IPV6CONSOLE_CONFIG={tmp_path}/config.toml ipv6console doctor | grep -m 2 2001:db8:4f8::/48")
    assert "● ok       2001:db8:4f8::/48 (static)" in said


@pytest.mark.privileged
def test_the_settings_for_a_home_line_take_the_delegated_prefix_and_not_that_of_the_uplink(
    typed: Callable[[str], str], tmp_path: Path
) -> None:
    found = re.search(r"    (\[network\])\n    (interfaces = .*)\n", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    (tmp_path / "config.toml").write_text("\n".join(found.groups()) + "\n")
    said = typed(
        "ip -6 address add 2001:db8:0:7::2/64 dev eth0 nodad\n"
        "ip -6 address add 2001:db8:4f8:100::1/56 dev pool0 nodad\n"
        f"ipv6console doctor | head -1; IPV6CONSOLE_CONFIG={tmp_path}/config.toml ipv6console doctor | head -1"
    )
    assert [line.split()[0] for line in said.splitlines()] == [
        "2001:db8:0:7::/64",
        "2001:db8:4f8:100::/56",
    ]
