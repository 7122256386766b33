"""The lab by itself, without an engine: what it builds, what its faults do, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ipv6console.lab.error import LabError
from tests.conftest import poll
from tests.integration.conftest import Lab, StartLab, elapsed_until

pytestmark = pytest.mark.privileged

_FLOOD = """
import asyncio, sys
async def visit(count):
    reader, writer = await asyncio.open_connection("2001:db8:ffff::80", 80)
    for number in range(count):
        writer.write(b"GET /flood/%d HTTP/1.1\\r\\nhost: site\\r\\n\\r\\n" % number)
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        length = next(int(line[15:]) for line in head.split(b"\\r\\n") if line.startswith(b"content-length"))
        await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
async def main():
    await asyncio.gather(*(visit(200) for _ in range(50)))
asyncio.run(main())
"""


_WITHOUT_NAMESPACES = """
import os, sys
from pathlib import Path
from ipv6console.lab.syscall import CLONE_NEWUSER, unshare
unshared, mapped = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    unshare(CLONE_NEWUSER)
    os.write(unshared[1], b".")
    os.read(mapped[0], 1)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.execvp(sys.argv[1], sys.argv[1:])
os.read(unshared[0], 1)
for kind in ("uid_map", "gid_map"):
    Path(f"/proc/{child}/{kind}").write_text("0 0 65536")
os.write(mapped[1], b".")
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(scope="module")
def lab(start_module_lab: StartLab) -> Lab:
    return start_module_lab(bare=True)


def _addresses(lab: Lab, interface: str) -> dict[str, dict[str, Any]]:
    return _addresses_of(lab, "egress", interface)


def _addresses_of(lab: Lab, node: str, interface: str) -> dict[str, dict[str, Any]]:
    links = json.loads(lab.output("ip", "-6", "-j", "address", "show", "dev", interface, "scope", "global", node=node))
    return {item["local"]: item for link in links for item in link.get("addr_info", []) if item}


def _left_behind(lab: Lab) -> list[object]:
    return [*lab.processes(), *lab.mounts(), *([lab.directory] if lab.directory.exists() else [])]


def test_the_site_tells_each_caller_its_address(lab: Lab) -> None:
    assert lab.output("curl", "-sS", "http://[2001:db8:ffff::80]/ip") == "2001:db8:0:1::2\n"
    assert lab.output("curl", "-sS", "http://[2001:db8:ffff::82]/ip") == "2001:db8:0:1::2\n"


def test_the_site_remembers_ten_thousand_requests(lab: Lab) -> None:
    assert lab.python(_FLOOD).code == 0
    seen = lab.seen(path="/flood/")
    assert seen["counts"] == {"2001:db8:0:1::2": 10_000}
    assert Counter(path for _, _, path, _ in seen["requests"]) == {f"/flood/{number}": 50 for number in range(200)}


def test_the_site_refuses_what_is_not_http_and_stays(lab: Lab) -> None:
    wrong = "import socket; s = socket.create_connection(('2001:db8:ffff::80', 80)); s.sendall(b'\\0\\xff\\r\\n\\r\\n'); print(s.recv(99))"
    assert "400 Bad Request" in lab.python(wrong).out
    assert lab.output("curl", "-sS", "http://[2001:db8:ffff::80]/ip")


def test_a_command_gets_the_environment_of_the_lab_and_its_code_comes_back(lab: Lab) -> None:
    finished = lab.run("sh", "-c", "echo $IPV6CONSOLE_URL $IPV6CONSOLE_SITE $IPV6CONSOLE_LAB; exit 7")
    assert finished.code == 7
    assert finished.out.split() == ["http://127.0.0.1:16000", "http://[2001:db8:ffff::80]", str(lab.directory)]


def test_a_command_ends_when_its_connection_closes(lab: Lab) -> None:
    running = lab.start("sleep", "1000")
    running.remote.close()
    elapsed_until(lambda: f"{running.remote.pid} " not in lab.output("ps", "-eo", "pid,comm"), 5, "sleep is killed")


def test_an_unknown_command_is_refused_by_name(lab: Lab) -> None:
    with pytest.raises(LabError, match="no-such-command cannot be started"):
        lab.start("no-such-command")


def test_an_unknown_fault_is_answered_with_the_known_ones(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"(?s)no fault 'earthquake'.*renumber.*ndp-kill"):
        lab.handle.fault("earthquake")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("renumber", {"grace": -1}, "a grace of -1 is out of bounds"),
        ("renumber", {"grace": "soon"}, "a grace of soon is out of bounds"),
        ("link-down", {"grace": 1}, "link-down takes no --grace"),
        ("ban", {"share": 1.5}, "a share of 1.5 is out of bounds"),
        ("ban", {"by": "48"}, "a site does not ban by '48'"),
        ("dup-address", {"address": "here"}, "'here' is no IPv6 address"),
        ("dup-address", {"address": "2001:db8:9::1"}, "is no address of egress's pool"),
        ("dup-address", {"address": "2001:db8:0:1::2"}, "is no address of egress's pool"),
        ("check-url-down", {"urls": 4}, "a number of URLs of 4 is out of bounds"),
        ("check-url-up", {}, "arrive already"),
        ("ndp-kill", {}, "no ndppd and no responder runs on egress"),
        ("ndp-stop", {}, "no ndppd and no responder runs on egress"),
        ("ndp-spin", {}, "no ndppd runs on egress"),
        ("radius-nak", {}, "this lab has no NAS"),
        ("radius-silent", {}, "this lab has no NAS"),
        ("radius-ok", {}, "this lab has no NAS"),
        ("ipam-down", {}, "this lab has no IPAM"),
        ("ipam-up", {}, "this lab has no IPAM"),
    ],
)
def test_a_fault_that_makes_no_sense_changes_nothing(lab: Lab, name: str, options: dict[str, Any], said: str) -> None:
    def standing() -> list[str]:
        return [
            lab.output("ip", "-6", *what, node=node) for node in ("isp", "egress") for what in (("route",), ("addr",))
        ]

    def without_time(shown: list[str]) -> list[str]:
        return [re.sub(r"\d+sec", "", text) for text in shown]

    before = standing()
    with pytest.raises(LabError, match=said):
        lab.handle.fault(name, **options)
    assert without_time(standing()) == without_time(before)


def test_a_cut_cable_takes_the_carrier_away_and_nothing_else(lab: Lab) -> None:
    def carrier() -> bool:
        return "LOWER_UP" in lab.output("ip", "link", "show", "up0")

    before = _addresses(lab, "up0").keys()
    lab.handle.fault("link-down")
    elapsed_until(lambda: not carrier(), 2, "egress has lost its carrier")
    assert _addresses(lab, "up0").keys() == before
    assert not _site_answers(lab, "2001:db8:ffff::80")
    lab.handle.fault("link-up")
    elapsed_until(carrier, 2, "egress has its carrier again")
    elapsed_until(lambda: _site_answers(lab, "2001:db8:ffff::80"), 5, "the site answers again")


def test_check_urls_are_silenced_and_the_web_site_is_not(lab: Lab) -> None:
    lab.handle.fault("check-url-down", urls=1)
    answering = {last: _site_answers(lab, f"2001:db8:ffff::{last}") for last in (80, 81, 82, 83)}
    assert answering == {80: True, 81: False, 82: True, 83: True}
    assert lab.handle.fault("check-url-up") == ["isp passes packets to 2001:db8:ffff::81"]
    assert _site_answers(lab, "2001:db8:ffff::81")


@pytest.mark.parametrize(("by", "banned"), [("address", "2001:db8:0:1::2/128"), ("64", "2001:db8:0:1::/64")])
def test_the_site_bans_who_called_most_and_still_tells_them_their_address(lab: Lab, by: str, banned: str) -> None:
    def status(path: str) -> str:
        url = f"http://[2001:db8:ffff::80]{path}"
        return lab.output("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url)

    assert status("/page") == "200"
    assert lab.handle.fault("ban", share=1, by=by) == [f"the site answers 403 to {banned}"]
    assert (status("/page"), status("/ip")) == ("403", "200")
    lab.handle.fault("pardon")
    assert status("/page") == "200"


def test_another_host_takes_an_address_over_at_once(lab: Lab) -> None:
    taken = "2001:db8:0:1::77"

    def owner() -> str:
        (entry,) = json.loads(lab.output("ip", "-6", "-j", "neigh", "show", taken, "dev", "dn0", node="isp"))
        return str(entry["lladdr"])

    def hardware(node: str, interface: str) -> str:
        (link,) = json.loads(lab.output("ip", "-j", "link", "show", interface, node=node))
        return str(link["address"])

    lab.output("ip", "-6", "addr", "add", f"{taken}/128", "dev", "up0", "nodad")
    lab.output("ping", "-c", "1", "-W", "2", taken, node="isp")
    assert owner() == hardware("egress", "up0")
    lab.handle.fault("dup-address", address=taken)
    assert owner() == hardware("neighbour", "eth0")
    assert hardware("neighbour", "eth0") in lab.output("ip", "-6", "neigh", "show", taken, "dev", "up0")
    lab.output("ip", "-6", "addr", "del", f"{taken}/128", "dev", "up0")


def test_a_deprecated_prefix_keeps_its_address_and_is_not_renewed(lab: Lab) -> None:
    lab.handle.fault("ra-deprecate")
    (held,) = _addresses(lab, "up0").values()
    assert (held["local"], held["deprecated"], held["preferred_life_time"]) == ("2001:db8:0:1::2", True, 0)
    assert _site_answers(lab, "2001:db8:ffff::80")


def _site_answers(lab: Lab, address: str) -> bool:
    return lab.run("curl", "-sS", "-o", "/dev/null", "-m", "1", f"http://[{address}]/ip").code == 0


@pytest.mark.parametrize(
    ("given", "interface", "host", "site"),
    [
        (("2001:db8:4f8:10::/64", "onlink"), "up0", "2001:db8:4f8:10::2", "2001:db8:ffff::80"),
        (("2001:db8:4f8:1000::/56", "routed"), "lan0", "2001:db8:4f8:1000::1", "2001:db8:ffff::80"),
        (("2001:db8:0:1:a500::/72", "onlink"), "up0", "2001:db8:0:1:a500::2", "2001:db8:ffff::80"),
        (("2001:db8::/32", "routed"), "lan0", "2001:db8::1", "3fff:fff:ffff::80"),
        (("2001:db8:0:1::ff00/120", "onlink"), "up0", "2001:db8:0:1::ff02", "2001:db8:ffff::80"),
    ],
)
def test_any_prefix_reaches_the_site(
    start_lab: StartLab, given: tuple[str, str], interface: str, host: str, site: str
) -> None:
    lab = start_lab(*given, bare=True)
    assert lab.output("curl", "-sS", f"http://[{site}]/ip").strip() == host
    lengths = {address: item["prefixlen"] for address, item in _addresses(lab, interface).items()}
    assert lengths == {host: int(given[0].split("/")[1])}


@pytest.mark.parametrize("mode", ["onlink", "routed"])
def test_renumbering_deprecates_the_old_prefix_and_removes_it_after_the_grace(start_lab: StartLab, mode: str) -> None:
    lab = start_lab("2001:db8:0:1::/64", mode, bare=True)
    interface = lab.info()["interface"]

    def routes() -> str:
        return lab.output("ip", "-6", "route", node="isp")

    (old,) = _addresses(lab, interface)
    lab.handle.fault("renumber", grace=2)
    both = _addresses(lab, interface)
    (new,) = both.keys() - {old}
    assert new.startswith("2001:db8:0:2::")
    assert both[new]["tentative"] is True
    assert both[old]["deprecated"] is True
    assert "2001:db8:0:1::/64" in routes()
    elapsed_until(lambda: old not in _addresses(lab, interface), 4, "the old address is removed")
    assert "2001:db8:0:1::/64" not in routes()
    elapsed_until(
        lambda: "tentative" not in _addresses(lab, interface)[new], 4, "the kernel has probed for the new address"
    )
    assert lab.output("curl", "-sS", "http://[2001:db8:ffff::80]/ip").strip() == new


@pytest.mark.parametrize("mode", ["onlink", "routed"])
def test_a_silent_renumbering_moves_the_prefix_upstream_and_leaves_the_host_as_it_was(
    start_lab: StartLab, mode: str
) -> None:
    lab = start_lab("2001:db8:0:1::/64", mode, bare=True)
    interface = lab.info()["interface"]
    site = "2001:db8:ffff::80"

    def routes() -> set[str]:
        shown = {route["dst"] for route in json.loads(lab.output("ip", "-6", "-j", "route", node="isp"))}
        return {route for route in shown if route.startswith("2001:db8:0:")}

    before = _addresses(lab, interface).keys()
    lab.handle.fault("renumber", silent=True)
    assert routes() == {"2001:db8:0:2::/64"}
    assert _addresses(lab, interface).keys() == before
    assert not _site_answers(lab, site)
    lab.handle.fault("renumber", grace=0)
    assert routes() == {"2001:db8:0:3::/64"}
    elapsed_until(lambda: _site_answers(lab, site), 5, "the site answers to the new prefix")


def test_the_gateway_may_be_inside_the_prefix_and_moves_with_it(start_lab: StartLab) -> None:
    lab = start_lab("2001:db8:0:1::/64", "onlink", "--gateway-inside", bare=True)
    assert lab.info()["gateway"] == "2001:db8:0:1::1"
    assert "default via 2001:db8:0:1::1 dev up0" in lab.output("ip", "-6", "route")
    assert _site_answers(lab, "2001:db8:ffff::80")
    lab.handle.fault("renumber", grace=0)
    assert "default via 2001:db8:0:2::1 dev up0" in lab.output("ip", "-6", "route")
    assert set(_addresses_of(lab, "isp", "dn0")) == {"2001:db8:0:2::1"}
    elapsed_until(lambda: _site_answers(lab, "2001:db8:ffff::80"), 5, "the site answers through the new gateway")


def test_nothing_is_left_after_the_end(start_lab: StartLab) -> None:
    lab = start_lab(bare=True)
    assert lab.processes()
    assert lab.terminate() == (0, "")
    assert _left_behind(lab) == []


def test_nothing_is_left_after_sigkill(start_lab: StartLab) -> None:
    lab = start_lab(bare=True)
    lab.start("sh", "-c", "trap '' TERM HUP; (setsid sleep 1000 &) ; sleep 1000")
    lab.kill()
    elapsed_until(lambda: not _left_behind(lab), 5, f"everything is gone: {_left_behind(lab)}")


def test_what_was_done_to_a_lab_by_hand_is_answered_and_does_not_end_it(start_lab: StartLab) -> None:
    lab = start_lab(bare=True)
    lab.handle.fault("renumber", grace=1)
    lab.output("ip", "link", "del", "up0")
    with pytest.raises(LabError, match="egress has no interface up0 any more"):
        lab.handle.fault("renumber", grace=0)
    elapsed_until(lambda: "not done: " in (lab.directory / "lab.log").read_text(), 5, "the end of the grace is noted")
    assert lab.terminate() == (0, "")


def _keeper(lab: Lab) -> int:
    """Return the process that removes the lab's folder: of those the lab has forked the one outside of it."""
    forked = Path(f"/proc/{lab.process.pid}/task/{lab.process.pid}/children").read_text().split()
    outside = Path("/proc/self/ns/net").readlink()
    (keeper,) = [int(pid) for pid in forked if Path(f"/proc/{pid}/ns/net").readlink() == outside]
    return keeper


def test_what_removes_a_killed_lab_does_not_remove_the_next_of_that_name(start_lab: StartLab) -> None:
    lab = start_lab(bare=True)
    keeper, folder = _keeper(lab), lab.directory.stat().st_ino
    os.kill(keeper, signal.SIGSTOP)
    lab.kill()
    with ThreadPoolExecutor(1) as pool:
        name = lab.directory.name.split("-", 3)[3]
        starting = pool.submit(start_lab, bare=True, name=name)
        # It must not take the folder over as long as somebody is about to remove it.
        taken = poll(lambda: lab.directory.stat().st_ino != folder, 2.0)
        os.kill(keeper, signal.SIGCONT)
        assert not taken
        again = starting.result()
        # Here, because a lab ends with the thread that started it.
        assert again.output("curl", "-sS", "http://[2001:db8:ffff::80]/ip").strip() == "2001:db8:0:1::2"


def test_two_labs_stand_side_by_side(start_lab: StartLab, lab: Lab) -> None:
    other = start_lab("2001:db8:0:1::/64", "routed", bare=True)
    assert other.output("curl", "-sS", "http://[2001:db8:ffff::80]/ip").strip() == "2001:db8:0:1::1"
    assert other.seen()["total"] == 1
    assert lab.output("curl", "-sS", "http://[2001:db8:ffff::80]/ip").strip() == "2001:db8:0:1::2"


def test_a_name_in_use_is_refused_and_a_stale_one_is_not(start_lab: StartLab) -> None:
    lab = start_lab(bare=True)
    name = lab.directory.name.split("-", 3)[3]
    command = [sys.executable, str(Path(__file__).with_name("bare_lab.py")), name, "2001:db8:0:1::/64", "onlink"]
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert second.returncode != 0
    assert f"a lab runs at {lab.directory} already" in second.stderr
    assert lab.output("true") == ""
    lab.terminate()
    lab.directory.mkdir()
    (lab.directory / "engine.log").touch()
    assert start_lab(bare=True, name=name).info()["prefix"] == "2001:db8:0:1::/64"


def test_an_ordinary_user_can_have_a_lab(start_lab: StartLab, as_nobody: tuple[str, ...]) -> None:
    mine = start_lab(bare=True)
    name = "test-nobody-" + mine.directory.name[-8:]
    lab = start_lab(bare=True, name=name, wrapper=as_nobody, uid=65534)
    assert lab.directory.stat().st_uid == 65534
    assert lab.output("curl", "-sS", "http://[2001:db8:ffff::80]/ip").strip() == "2001:db8:0:1::2"
    assert lab.seen()["total"] == 1
    lab.kill()
    elapsed_until(lambda: not _left_behind(lab), 5, f"everything is gone: {_left_behind(lab)}")


def test_closed_user_namespaces_are_named_with_the_fix(as_nobody: tuple[str, ...]) -> None:
    command = [sys.executable, str(Path(__file__).with_name("bare_lab.py")), "closed", "2001:db8:0:1::/64", "onlink"]
    finished = subprocess.run(
        [sys.executable, "-c", _WITHOUT_NAMESPACES, *as_nobody, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert finished.returncode != 0
    assert "the kernel refuses new namespaces to uid 65534" in finished.stderr
    assert "sysctl" in finished.stderr
    assert not Path("/tmp/ipv6console-lab-65534-closed").exists()
