"""`ipv6console space` and `ipv6console bindings`: what they print, what they refuse, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.cli import run
from ipv6console.commands.failure import ExitCode
from tests.api.service import Service, serving, settings_in

pytestmark = pytest.mark.anyio


@dataclass
class Said:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Any]


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("engine")
    async with serving(settings_in(folder), folder, LIMITS) as service:
        yield service


@pytest.fixture
def command(service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that runs a command on the engine, through its Unix socket."""
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))

    async def call(*words: str) -> Said:
        capsys.readouterr()
        code = await anyio.to_thread.run_sync(run, list(words))
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
async def edge(command: Command) -> AsyncIterator[Command]:
    """A space with a range of each family, a reservation and two bindings."""
    for words in (
        ("space", "create", "edge", "--choice", "first", "--quarantine", "0", "--description", "racks"),
        ("space", "add-range", "edge", "2001:db8:5::/64"),
        ("space", "add-range", "edge", "192.0.2.10-192.0.2.19", "--description", "old rack"),
        ("space", "reserve", "edge", "2001:db8:5::", "--reason", "anycast"),
        ("bindings", "allocate", "edge", "rack1", "nic0", "--metadata", "owner=net", "--tag", "blue", "--ttl", "2d"),
        ("bindings", "allocate", "edge", "rack1", "nic1", "--family", "4"),
    ):
        assert (await command(*words)).code == 0
    yield command
    rows = json.loads((await command("bindings", "list", "--json")).out)["bindings"]
    for row in rows:
        assert (await command("bindings", "release", row["space"], row["address"])).code == 0
    assert (await command("space", "remove", "edge")).code == 0


async def test_what_is_in_a_space_is_listed_for_people_and_for_programs(edge: Command) -> None:
    [row] = json.loads((await edge("space", "list", "--json")).out)["spaces"]
    assert (row["total"], row["reserved"], row["bindings"]) == ((1 << 64) + 10, 1, 2)
    assert "18,446,744,073,709,551,626" in (await edge("space", "list")).out
    ranges = await edge("space", "ranges", "edge")
    assert "192.0.2.10-192.0.2.19" in ranges.out
    assert ranges.err == "2 ranges\n"
    assert "anycast" in (await edge("space", "reservations")).out
    shown = (await edge("bindings", "show", "edge", "2001:db8:5::1")).out
    assert "metadata owner net" in shown
    assert "blue" in shown
    listed = await edge("bindings", "list", "--tag", "blue")
    assert listed.err == "1 of 1 binding\n"
    assert "2001:db8:5::1" in listed.out
    assert (await edge("bindings", "list", "--limit", "1")).err == "1 of 2 bindings\n"


async def test_asking_again_prints_the_same_address_and_says_so(edge: Command) -> None:
    again = await edge("bindings", "allocate", "edge", "rack1", "nic1", "--family", "4")
    assert (again.code, again.out) == (0, "192.0.2.10\n")
    assert "already" in again.err
    as_json = json.loads((await edge("bindings", "allocate", "edge", "rack1", "nic1", "--json")).out)
    assert as_json["created"] is False


async def test_an_instance_is_released_only_when_somebody_agrees(edge: Command) -> None:
    unagreed = await edge("bindings", "release-instance", "edge", "rack1")
    assert unagreed.code == ExitCode.USAGE
    assert "2 addresses\n" in unagreed.out
    assert "--yes" in unagreed.err
    agreed = await edge("bindings", "release-instance", "edge", "rack1", "--yes", "--reason", "moved", "--json")
    assert json.loads(agreed.out)["count"] == 2
    history = await edge("bindings", "history", "edge", "--limit", "2")
    assert history.out.count(" instance ") == 2
    assert json.loads((await edge("bindings", "history", "edge", "--address", "192.0.2.10", "--json")).out)["changes"]


async def test_ranges_and_reservations_are_taken_back_by_their_numbers(edge: Command) -> None:
    [held] = json.loads((await edge("space", "reservations", "--json")).out)["reservations"]
    assert "may be handed out again" in (await edge("space", "unreserve", str(held["id"]))).out
    made = json.loads((await edge("space", "add-range", "edge", "198.51.100.7", "--json")).out)
    assert "198.51.100.7 is of space edge no more" in (await edge("space", "remove-range", str(made["id"]))).out
    released = await edge("bindings", "release", "edge", "--instance", "rack1", "--id", "nic0", "--json")
    assert json.loads(released.out)["count"] == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("space create", ExitCode.USAGE),
        ("space create ../x", ExitCode.REFUSED),
        ("space create edge", ExitCode.REFUSED),
        ("space create new --choice best", ExitCode.USAGE),
        ("space create new --quarantine soon", ExitCode.USAGE),
        ("space create new --tenant a/b", ExitCode.REFUSED),
        ("space list now", ExitCode.USAGE),
        ("space remove none", ExitCode.REFUSED),
        ("space remove edge", ExitCode.REFUSED),
        ("space add-range edge", ExitCode.USAGE),
        ("space add-range edge 2001:db8:5::/48", ExitCode.REFUSED),
        ("space add-range none 192.0.2.0/24", ExitCode.REFUSED),
        ("space remove-range one", ExitCode.USAGE),
        ("space remove-range 0", ExitCode.USAGE),
        ("space remove-range 9999", ExitCode.REFUSED),
        ("space reserve edge 2001:db8:5::1", ExitCode.REFUSED),
        ("space reserve edge 2001:db8:6::1", ExitCode.REFUSED),
        ("space unreserve 9999", ExitCode.REFUSED),
        ("space ranges none", ExitCode.REFUSED),
        ("space reservations none", ExitCode.REFUSED),
        ("bindings allocate edge rack1", ExitCode.USAGE),
        ("bindings allocate none rack1 nic0", ExitCode.REFUSED),
        ("bindings allocate edge rack1 nic9 --kind mac --resource 02:00", ExitCode.REFUSED),
        ("bindings allocate edge rack1 nic9 --address 2001:db8:5::1", ExitCode.REFUSED),
        ("bindings allocate edge rack1 nic9 --address 192.0.2.300", ExitCode.REFUSED),
        ("bindings allocate edge rack1 nic9 --family 5", ExitCode.USAGE),
        ("bindings allocate edge rack1 nic9 --metadata owner", ExitCode.USAGE),
        ("bindings allocate edge rack1 nic9 --ttl 0", ExitCode.USAGE),
        ("bindings list --limit 0", ExitCode.USAGE),
        ("bindings list --space none", ExitCode.REFUSED),
        ("bindings list --address nowhere", ExitCode.REFUSED),
        ("bindings show edge 2001:db8:5::9", ExitCode.REFUSED),
        ("bindings release edge", ExitCode.USAGE),
        ("bindings release edge 2001:db8:5::1 --id nic0", ExitCode.USAGE),
        ("bindings release edge --instance rack1 --id nic9", ExitCode.REFUSED),
        ("bindings release-instance edge rack9 --yes", ExitCode.REFUSED),
        ("bindings history none", ExitCode.REFUSED),
        ("bindings history edge --limit 1001", ExitCode.USAGE),
    ],
)
async def test_a_mistake_ends_with_its_code_and_the_next_step(spoilt: Command, words: str, code: ExitCode) -> None:
    said = await spoilt(*words.split())
    assert said.code == code
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "next: " in said.err or "Try 'ipv6console " in said.err


@pytest.fixture
async def spoilt(edge: Command) -> AsyncIterator[Command]:
    """The same, which mistakes must leave as it is."""
    before = [(await edge(*words, "--json")).out for words in (("space", "list"), ("bindings", "list"))]
    yield edge
    assert [(await edge(*words, "--json")).out for words in (("space", "list"), ("bindings", "list"))] == before
