"""One shift of an operator, by keys only: a real console under tmux, over a real engine and a small internet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.conftest import REPOSITORY, Lab, StartLab, elapsed_until
from tests.integration.tmux import Tmux

pytestmark = pytest.mark.privileged

PROGRAM = f"{sys.executable} -W error -m ipv6console"
SCRAPERS = 4
SOON = 20.0
OLD, NEW = "2001:db8:0:1::/64", "2001:db8:0:2::/64"
REASON = "leaked in a ticket"


@pytest.fixture
def lab(start_lab: StartLab) -> Lab:
    return start_lab(bare=True)


@pytest.fixture
def tmux(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tmux:
    # Told the lab or its URL the console would attach, or end its engine with it: it is to start one of its own.
    monkeypatch.chdir(REPOSITORY)
    return Tmux(lab, tmp_path, columns=120, rows=52, unset=("IPV6CONSOLE_URL", "IPV6CONSOLE_LAB"))


def test_an_operator_finds_what_burns_addresses_mends_it_and_hears_later_what_happened(lab: Lab, tmux: Tmux) -> None:
    shell = tmux.split(10)

    def fault(words: str) -> None:
        tmux.type(f"clear; {PROGRAM} lab fault --lab {lab.directory} {words} && echo d'o'ne", pane=shell)
        tmux.wait_for(r"\bdone\b", SOON, pane=shell)

    tmux.type(PROGRAM)
    tmux.wait_for(r"● live", SOON)
    elapsed_until(lambda: lab.client.state().pool.idle >= 20, 30, "the pool is full")
    for number in range(SCRAPERS):
        lab.start(sys.executable, "-m", "ipv6console.lab.scraper", "--number", str(number))
    engine = lab.client.state().engine.pid
    elapsed_until(lambda: lab.client.state().pool.leased == SCRAPERS, SOON, "every scraper has an address")
    fault("ban --share 1 --by 64")

    # Which mirror burns addresses fastest, and who bans it.
    tmux.press("3")
    tmux.wait_for("BURN/M", SOON)
    tmux.press("o")
    tmux.wait_for("Order by", SOON)
    tmux.press("b")
    tmux.wait_for(r"BURN/M[^\n]*\n[^\n]*\bprices\b", SOON)
    tmux.press("Enter")
    tmux.wait_for("Who bans prices", SOON)
    site = lab.info()["site"].split("[")[1].rstrip("]")
    tmux.wait_for(rf"{site} [^\n]*403", SOON)

    # Drain it.
    tmux.press("D")
    tmux.wait_for("Drain mirror prices", SOON)
    tmux.press("Tab", "Enter")
    tmux.wait_for("prices is draining", SOON)
    tmux.press("Escape")
    tmux.wait_for(r"▲ draining +prices", SOON)

    # Renumber the prefix and watch the others recover, in what they hold.
    fault("renumber --grace 1")
    tmux.wait_for(NEW, SOON)
    tmux.press("/")
    tmux.wait_for("words that must match", SOON)
    tmux.write("news")
    tmux.press("Enter")
    tmux.wait_for("1 of 4 pass", SOON)
    tmux.press("Enter")
    tmux.wait_for(r"2001:db8:0:2:\S+ +lab scraper 1", SOON)

    # Withdraw ten addresses for good.
    tmux.press("2")
    elapsed_until(lambda: lab.client.state().pool.idle >= 20, 30, "the pool is full again")
    tmux.wait_for(r"2001:0db8:0000:0002:\S+ ○ idle", SOON)
    tmux.press(*["Space"] * 10)
    tmux.wait_for(r"\b10 marked", SOON)
    tmux.press("X")
    tmux.wait_for("Revoke 10 marked addresses", SOON)
    tmux.wait_for("needed: a reason", SOON)
    tmux.press("Tab")
    tmux.wait_for_focus("why, for the record", SOON)
    tmux.write(REASON)
    tmux.press("Enter")
    tmux.wait_for_focus("to confirm", SOON)
    tmux.write("revoke")
    tmux.press("Enter")
    tmux.wait_for_focus("Apply", SOON)
    tmux.press("Enter")
    tmux.wait_for("● done: .*10 addresses", SOON)
    tmux.press("Enter")
    tmux.wait_for(r"(?s)\A(?!.*(marked|● done)).*Pool", SOON)

    # Read the same in Events.
    tmux.press("7", "/")
    tmux.wait_for("Events · .*", SOON)
    tmux.wait_for("words", SOON)
    tmux.write("kind:revoke")
    tmux.press("Enter")
    tmux.wait_for(rf"(?s)revoke.addresses.*Event \d+.*10 addresses.*{REASON}", SOON)

    # Leave with the engine running; what happens now, nobody watches.
    tmux.press("q")
    tmux.wait_for("Leave the engine running", SOON)
    tmux.press("Enter")
    tmux.wait_for("The engine runs on", SOON)
    since = lab.client.state().engine.last_event
    fault("ndp-kill")

    def noticed() -> list[str]:
        events = lab.client.events(since, 1_000).events
        return [event.text for event in events if event.kind == "reach.broken"]

    elapsed_until(noticed, SOON, "the engine has noticed")

    # Attach again and hear of it.
    tmux.type(f"clear; {PROGRAM}")
    tmux.wait_for("Since you last looked", SOON)
    tmux.press("d")
    tmux.wait_for("You last looked", SOON)
    tmux.wait_for(r"(?s)killed by signal 9.*✖ fail +reach\.broken", SOON)
    tmux.press("Escape")
    tmux.wait_for(r"(?s)\A(?!.*You last looked)", SOON)
    tmux.press("q")
    tmux.wait_for(r"[#$]\s*\Z", SOON)
    assert lab.client.state().engine.pid == engine
