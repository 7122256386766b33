"""The whole program on hosts that lack something: each command says what, and what to do, and nothing is changed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipv6console.commands.connection import answers
from ipv6console.commands.failure import ExitCode

pytestmark = pytest.mark.privileged

PATIENCE = 30.0
PROGRAM = (sys.executable, "-m", "ipv6console")
LINK = "ip link set lo up; ip link add up0 type veth peer dn0; ip link set dn0 up; ip link set up0 up"
PREFIX = "2001:db8:0:1::/64"
UNPRIVILEGED = ("setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw", "--")

Eventually = Callable[..., None]


class Host:
    """A host with an engine."""

    def __init__(self, engine: subprocess.Popen[bytes]) -> None:
        self._inside = ("nsenter", "-n", "-t", str(engine.pid))

    def typed(self, *words: str) -> tuple[int, str]:
        """Type a command; return its exit code and all it said."""
        done = subprocess.run(
            [*self._inside, *PROGRAM, *words], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    def state(self) -> str:
        """Return what of the network an engine would change."""
        command = [*self._inside, "sh", "-ec", "ip -6 route show table local proto 160; nft list tables"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def running(folder: Path, made: str, drop: tuple[str, ...], eventually: Eventually, **more: str) -> Iterator[Host]:
    environment = {
        "IPV6CONSOLE_SOCKET": str(folder / "e.sock"),
        "IPV6CONSOLE_ENGINE_STATE_DIR": str(folder / "state"),
        "IPV6CONSOLE_CHECK_URLS": "http://[::1]:9/ip",
        **more,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        command = ["unshare", "-n", "sh", "-ec", f'{made}; exec "$@"', "sh", *drop, *PROGRAM, "serve"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as engine:
            try:
                eventually(lambda: answers(folder / "e.sock"), "the socket answers", PATIENCE)
                yield Host(engine)
            finally:
                engine.send_signal(signal.SIGTERM)
                engine.wait(PATIENCE)


def test_without_a_prefix_every_command_says_so_and_points_to_the_doctor(
    tmp_path: Path, eventually: Eventually
) -> None:
    with running(tmp_path, LINK, (), eventually) as host:
        for words in (
            ("pick",),
            ("spawn", "2"),
            ("status",),
            ("ndp",),
            ("net", "apply"),
            ("net", "apply", "--dry-run"),
        ):
            code, said = host.typed(*words)
            assert (code, "ipv6console doctor" in said) == (ExitCode.NO, True), (words, said)
        code, said = host.typed("doctor")
        assert (code, "have the provider assign one, or set network.prefixes" in said) == (ExitCode.NO, True), said
        code, said = host.typed("net", "plan")
        assert (code, "this host has no usable prefix" in said) == (ExitCode.DONE, True), said
        assert host.state() == ""


def test_without_privilege_the_engine_runs_and_says_what_it_cannot_do_and_what_helps(
    tmp_path: Path, eventually: Eventually
) -> None:
    made = f"{LINK}; ip addr add {PREFIX[:-3]}2/64 dev up0 nodad"
    with running(tmp_path, made, UNPRIVILEGED, eventually, IPV6CONSOLE_NETWORK_NDP="ndppd") as host:
        code, said = host.typed("status", "--plain")
        assert code == ExitCode.NO
        for sentence in (
            "routes and sysctls cannot be changed: CAP_NET_ADMIN is missing",
            "ndppd cannot be run: CAP_NET_RAW is missing",
            "fix: sudo ipv6console serve",
        ):
            assert sentence in said
        assert host.typed("pick")[0] == ExitCode.NO
        assert host.state() == ""


def test_without_ndppd_the_package_is_named(tmp_path: Path, eventually: Eventually) -> None:
    made = f"{LINK}; ip addr add {PREFIX[:-3]}2/64 dev up0 nodad; ip -6 route add default via fe80::1 dev up0"
    named = {"IPV6CONSOLE_NETWORK_NDP": "ndppd", "IPV6CONSOLE_NETWORK_NDPPD": "ndppd-that-is-not-there"}
    with running(tmp_path, made, (), eventually, **named) as host:
        eventually(lambda: PREFIX in host.state(), "the local route is there", PATIENCE)
        for words in (("status", "--plain"), ("doctor",), ("ndp",)):
            code, said = host.typed(*words)
            assert (code, "apt-get install -y ndppd" in said) == (ExitCode.NO, True), (words, said)
