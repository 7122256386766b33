"""The plain path: one line a change, and nothing twice."""

from __future__ import annotations

from dataclasses import replace

from ipv6console.commands.ticker import NUMBERS_EVERY, Ticker
from ipv6console.wire.health import Health
from ipv6console.wire.state import State
from ipv6console.wire.status import Finding, Level
from tests.console import scene

WELL = Health(level=Level.OK, at=scene.NOW, version="0.1.0", prefix=scene.PREFIX, findings=())


def told(ticker: Ticker, state: State, health: Health = WELL) -> list[str]:
    return [line.split(" ", 2)[2] for line in ticker.tell(state, health)]


def begun() -> Ticker:
    ticker = Ticker()
    told(ticker, scene.state())
    return ticker


def test_everything_is_told_once_in_words() -> None:
    lines = told(Ticker(), scene.state())
    assert "ok engine edge-1: ipv6console 0.1.0, pid 801, standalone, privileged" in lines
    assert "warn mirror shop-de: 412 idle, 0 using, 612 bad, 0.0 picks/s; its target bans 6 of 10 addresses" in lines
    assert any(line.startswith("draining mirror archive: ") for line in lines)
    assert not any(set("●▲✖○◌⟳") & set(line) for line in lines)


def test_every_line_begins_with_date_and_time() -> None:
    for line in Ticker().tell(scene.state(), WELL):
        day, clock, _ = line.split(" ", 2)
        assert len(day) == len("2026-09-21")
        assert clock.count(":") == 2


def test_what_did_not_change_is_not_told_again() -> None:
    assert told(begun(), scene.state()) == []


def test_a_change_is_one_line_with_what_it_was_before() -> None:
    ticker, state = begun(), scene.state()
    changed = replace(state, ndp=(scene.ndp_row(level=Level.FAIL, text="ndppd exited", fix="start it"),))
    assert told(ticker, changed) == [f"fail (was ok) ndp {scene.PREFIX}: ndppd, ndppd exited; fix: start it"]
    assert told(ticker, changed) == []


def test_numbers_alone_are_told_once_a_minute() -> None:
    ticker, state = begun(), scene.state()
    busy = replace(state, pool=replace(state.pool, leased=24))
    assert told(ticker, replace(busy, at=state.at + 1)) == []
    [line] = told(ticker, replace(busy, at=state.at + NUMBERS_EVERY))
    assert line.startswith("ok pool: 1,024 addresses, 24 leases")


def test_what_appears_and_what_goes_is_told() -> None:
    ticker, state = begun(), scene.state()
    other = replace(state, mirrors=(*state.mirrors[1:], scene.mirror_row("fresh")))
    lines = told(ticker, other)
    assert any(line.startswith("ok mirror fresh: ") for line in lines)
    assert "over mirror news: was ok" in lines


def test_a_finding_is_told_with_its_fix_and_when_it_is_over() -> None:
    ticker, state = begun(), scene.state()
    finding = Finding("firewall", Level.WARN, "nft is not installed", "apt-get install nftables")
    assert told(ticker, state, replace(WELL, findings=(finding,))) == [
        "warn finding firewall: nft is not installed; fix: apt-get install nftables"
    ]
    assert told(ticker, state) == ["over finding firewall: was warn"]


def test_a_lost_connection_is_one_line_and_its_return_another() -> None:
    ticker, state = begun(), scene.state()
    assert len(list(ticker.lose("refused", scene.NOW))) == 1
    assert list(ticker.lose("refused", scene.NOW + 3)) == []
    assert told(ticker, replace(state, at=scene.NOW + 14)) == ["ok connection: the engine answers again after 14 s"]


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    state = scene.state()
    odd = replace(state, mirrors=(scene.mirror_row("news", text="a\x1b[2J\nb"),))
    [line] = [line for line in told(Ticker(), odd) if "mirror news" in line]
    assert line.endswith("a?[2J b")
