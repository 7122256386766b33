"""The seven lines of narrow terminals, and what a detail says of what there is none of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipv6console.console.detail import facts
from ipv6console.wire.state import CheckUrl, NdpRow, PrefixState, State
from ipv6console.wire.status import Level
from tests.console import scene
from tests.console.stage import staged


def with_ndp(row: NdpRow) -> State:
    return replace(scene.calm(), ndp=(row,))


async def line(document: State, name: str) -> str:
    async with staged(document, size=(80, 24)) as stage:
        return next(" ".join(found.split()) for found in stage.text().splitlines() if f" {name} " in found)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("row", "told"),
    [
        (scene.ndp_row(text="ndppd 812 answers on eth0"), "● ok NDP ndppd 812 answers on eth0 now"),
        (
            scene.ndp_row(text="ndppd 812 answers on eth0", restarts=1),
            "● ok NDP ndppd 812 answers on eth0 1 restart now",
        ),
        (scene.ndp_row(text="no ndppd answers on eth0", pid=None), "● ok NDP no ndppd answers on eth0 now"),
        (
            scene.responder_row(text="answers on eth0"),
            "● ok NDP answers on eth0 asked 20.5k, responder, pid 844 now",
        ),
    ],
)
async def test_the_ndp_line_says_nothing_twice(row: NdpRow, told: str) -> None:
    assert await line(with_ndp(row), "NDP") == told


@pytest.mark.anyio
async def test_check_urls_that_were_not_needed_are_not_told_as_if_they_were_ill() -> None:
    calm = scene.calm()
    unused = CheckUrl(
        url="https://spare.example", level=Level.UNKNOWN, ok=0, failed=0, last_ok_at=None, last_error=None
    )
    well = replace(unused, level=Level.OK, ok=40, last_ok_at=scene.NOW - 3)
    pool = replace(calm.pool, check_urls=(well, unused, unused), checks_failed=0, spawning=0, pace_used=1)
    told = await line(replace(calm, pool=pool), "Checks")
    assert told.startswith("● ok Checks 1 of 1 URL ok, 2 not used, pace 1/")


@pytest.mark.anyio
async def test_a_prefix_with_one_address_has_one_address() -> None:
    row = scene.prefix_row(text="", addresses=1, leased=1)
    assert "Route 1 address, 1 leased" in await line(replace(scene.calm(), prefixes=(row,)), "Route")


@pytest.mark.anyio
async def test_a_prefix_that_is_gone_is_not_counted_as_one_more() -> None:
    used, gone = scene.prefix_row(), scene.prefix_row("2001:db8:0:9::/64", id=2, state=PrefixState.GONE)
    draining = scene.prefix_row("2001:db8:0:8::/64", id=3, state=PrefixState.DRAINING)
    assert "more" not in await line(replace(scene.calm(), prefixes=(used, gone)), "Prefix")
    assert "+1 more" in await line(replace(scene.calm(), prefixes=(used, draining, gone)), "Prefix")


def test_a_detail_tells_what_there_is_none_of_from_what_nobody_knows() -> None:
    told = dict(facts(scene.ndp_row(fix=None, config=None, started_at=None, cpu=0.0010191), scene.NOW))
    assert told["fix"] == "none is needed or known"
    assert told["config"] == "none"
    assert told["answered"] == "not counted"
    assert told["started at"] == "not known"
    assert told["cpu"] == "0.1% of a core"
    assert dict(facts(scene.mirror_row("news", last_pick_at=None), scene.NOW))["last pick at"] == "never"
