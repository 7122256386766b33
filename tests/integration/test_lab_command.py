"""`ipv6console lab` as people use it: run, serve, fault, exec; and that nothing of it is left, engine and all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from ipaddress import IPv6Address, IPv6Network

import pytest

from ipv6console.lab.handle import directory_of
from tests.integration.conftest import REPOSITORY, Lab, StartLab, elapsed_until

pytestmark = pytest.mark.privileged

LAB = (sys.executable, "-W", "error", "-m", "ipv6console", "lab")


def _lab(*arguments: str, prefix: tuple[str, ...] = (), text: str = "") -> subprocess.CompletedProcess[str]:
    command = [*prefix, *LAB, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, input=text, capture_output=True, text=True, check=False, timeout=90)


def _left_behind(lab: Lab) -> list[object]:
    return [*lab.processes(), *lab.mounts(), *([lab.directory] if lab.directory.exists() else [])]


def test_run_passes_stdin_stdout_stderr_and_the_exit_code_through() -> None:
    finished = _lab("run", "-n", "5", "--", "sh", "-c", "cat; echo to stderr >&2; exit 42", text="from stdin")
    assert (finished.stdout, finished.stderr, finished.returncode) == ("from stdin", "to stderr\n", 42)


def test_run_says_which_command_there_is_not() -> None:
    finished = _lab("run", "-n", "5", "--", "no-such-command")
    assert finished.returncode == 125
    assert "no-such-command cannot be started" in finished.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--prefix", "2001:db8::1/64"), "is no IPv6 prefix"),
        (("--prefix", "10.0.0.0/8"), "is no IPv6 prefix"),
        (("--prefix", "2001:db8::/121"), "is outside of /32 to /120"),
        (("--prefix", "fd00::/64"), "is not global unicast"),
        (("--name", "../x"), "is no name for a lab"),
        (("--ndp", "telepathy"), "one of auto, routed, ndppd"),
        (("--with", "radius,telepathy"), "the lab has no 'telepathy' to be started with"),
    ],
)
def test_run_refuses_what_makes_no_sense(options: tuple[str, ...], said: str) -> None:
    finished = _lab("run", *options, "--", "true")
    assert finished.returncode not in (0, 125)
    assert said in finished.stderr


def test_a_lab_with_a_nas_names_the_package_that_is_missing_and_leaves_nothing() -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    hidden = ("unshare", "-m", "sh", "-c", 'mount --bind /dev/null /usr/sbin/freeradius && exec "$@"', "sh")
    finished = _lab("run", "--with", "radius", "--name", name, "--", "true", prefix=hidden)
    assert finished.returncode not in (0, 125)
    assert "there is no FreeRADIUS on this host" in finished.stderr
    assert "apt install freeradius" in finished.stderr
    assert not directory_of(name).exists()


def test_sigterm_reaches_the_command_and_nothing_is_left() -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    directory = directory_of(name)
    script = "trap 'echo told; exit 9' TERM; echo started; while true; do sleep 0.1; done"
    with subprocess.Popen(
        [*LAB, "run", "-n", "5", "--name", name, "--", "sh", "-c", script],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "told\n"
        assert process.wait(timeout=30) == 9
    assert not directory.exists()


def test_fault_finds_the_lab_it_is_told(start_lab: StartLab) -> None:
    lab = start_lab("-n", "5")
    finished = _lab("fault", "renumber", "--grace", "0", "--lab", str(lab.directory))
    assert finished.returncode == 0, finished
    assert "isp routes 2001:db8:0:2::/64 to egress" in finished.stdout
    unknown = _lab("fault", "earthquake", "--lab", str(lab.directory))
    assert unknown.returncode == 1
    assert "renumber" in unknown.stderr
    nowhere = _lab("fault", "renumber", "--lab", "/nonexistent")
    assert nowhere.returncode == 1
    assert "no lab answers at /nonexistent" in nowhere.stderr
    elapsed_until(lambda: lab.client.state().pool.idle >= 5, 15, "the pool is full of the new prefix")
    addr = lab.client.pick().addr
    assert addr is not None
    assert IPv6Address(addr) in IPv6Network("2001:db8:0:2::/64")


def test_exec_runs_on_the_node_it_is_told(start_lab: StartLab) -> None:
    lab = start_lab("-n", "5")
    finished = _lab("exec", "--lab", str(lab.directory), "--node", "isp", "--", "ip", "-j", "link")
    assert {"dn0", "wan0"} <= {link["ifname"] for link in json.loads(finished.stdout)}
    assert _lab("exec", "--lab", str(lab.directory), "--", "sh", "-c", "exit 6").returncode == 6


def test_scrapers_at_work_are_seen_by_the_site_from_leased_addresses(start_lab: StartLab) -> None:
    lab = start_lab("-n", "10", "--scrapers", "4")
    jobs = ("prices", "news", "maps", "reviews")
    elapsed_until(lambda: all(lab.seen(path=f"/{job}/")["requests"] for job in jobs), 30, "each scraper has called")
    visitors = {address for job in jobs for address in lab.seen(path=f"/{job}/")["counts"]}
    assert lab.info()["host"] not in visitors
    assert {row.name for row in lab.client.state().mirrors} == set(jobs)


def test_the_engine_takes_everything_back_and_nothing_is_left_after_the_end(start_lab: StartLab) -> None:
    lab = start_lab("-n", "5", "--scrapers", "2")
    assert "ndppd" in lab.output("ps", "-eo", "comm")
    lab.output("kill", "-TERM", str(lab.info()["pids"]["engine"]))
    assert lab.terminate() == (0, "")
    assert _left_behind(lab) == []


def test_nothing_is_left_after_sigkill_of_a_lab_with_engine_ndppd_and_scrapers(start_lab: StartLab) -> None:
    lab = start_lab("-n", "5", "--scrapers", "2")
    assert len(lab.processes()) >= 5
    lab.kill()
    elapsed_until(lambda: not _left_behind(lab), 5, "everything is gone")


def test_two_whole_labs_run_side_by_side_and_one_survives_sigkill_of_the_other(start_lab: StartLab) -> None:
    prefixes = ("2001:db8:4f8:10::/64", "2001:db8:4f8:2000::/56")
    one = start_lab("-n", "5", "--prefix", prefixes[0], "--scrapers", "1")
    other = start_lab("-n", "5", "--prefix", prefixes[1], "--mode", "routed")
    for lab, prefix in zip((one, other), prefixes, strict=True):
        addr = lab.client.pick("side-by-side").addr
        assert addr is not None
        assert IPv6Address(addr) in IPv6Network(prefix)
        assert lab.output("curl", "-sS", "--interface", addr, f"{lab.info()['site']}/ip/mine").strip() == addr
        assert [request[0] for request in lab.seen(path="/ip/mine")["requests"]] == [addr]
    one.kill()
    elapsed_until(lambda: not _left_behind(one), 5, "everything of the killed lab is gone")
    again = other.client.pick("side-by-side").addr
    assert again is not None
    assert other.output("curl", "-sS", "--interface", again, f"{other.info()['site']}/ip").strip() == again


@pytest.mark.parametrize("strategy", ["ndppd", "responder"])
def test_a_gateway_inside_the_prefix_stays_within_reach(start_lab: StartLab, strategy: str) -> None:
    lab = start_lab("-n", "5", "--gateway-inside", "--ndp", strategy)
    gateway = lab.info()["gateway"]
    assert gateway == "2001:db8:0:1::1"
    addr = lab.client.pick("through-it").addr
    assert addr is not None
    assert lab.output("curl", "-sS", "--interface", addr, f"{lab.info()['site']}/ip").strip() == addr
    lab.output("ping", "-c", "1", "-W", "2", gateway)
    lab.output("ping", "-c", "1", "-W", "2", "-I", addr, gateway)


def test_an_ordinary_user_runs_the_whole_lab(as_nobody: tuple[str, ...]) -> None:
    script = (
        "import os; from ipv6console.client import IPv6Session\n"
        "with IPv6Session() as s: print(os.getuid(), s.addr == s.get(os.environ['IPV6CONSOLE_SITE'] + '/ip').text.strip())"
    )
    finished = _lab("run", "-n", "5", "--", sys.executable, "-W", "error", "-c", script, prefix=as_nobody)
    assert (finished.stdout, finished.stderr, finished.returncode) == ("0 True\n", "", 0)


def test_an_ordinary_user_s_ndppd_is_killed_and_comes_back(start_lab: StartLab, as_nobody: tuple[str, ...]) -> None:
    lab = start_lab("-n", "5", wrapper=as_nobody, uid=65534)

    def ndppd() -> int | None:
        # From outside the caller is nobody the engine in its user namespace could know: ask from inside.
        pid: int | None = json.loads(lab.output("curl", "-sS", f"{lab.info()['url']}/state"))["ndp"][0]["pid"]
        return pid

    before = ndppd()
    assert before is not None
    lab.handle.fault("ndp-kill")
    elapsed_until(lambda: ndppd() not in (None, before), 10, "ndppd runs again")
    assert lab.directory.stat().st_uid == 65534
    assert lab.terminate() == (0, "")
    assert _left_behind(lab) == []
