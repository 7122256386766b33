"""No state is told by colour alone: with every colour taken away, each state still reads differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from ipv6console.console import tone
from ipv6console.console.look import Look
from ipv6console.console.screens.doctor import told as chain
from ipv6console.console.tone import Tone
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.frame import EventsFrame
from ipv6console.wire.state import PrefixState, State
from ipv6console.wire.status import Level
from tests.console import scene
from tests.console.stage import Stage, staged

pytestmark = pytest.mark.anyio
Change = Callable[[State, Any], State]


def _first(name: str, field: str) -> Change:
    """Return what gives the first of the rows `name` another value of `field`, and nothing else."""

    def changed(state: State, value: object) -> State:
        rows = getattr(state, name)
        changes: dict[str, Any] = {name: (replace(rows[0], **{field: value}), *rows[1:])}
        return replace(state, **changes)

    return changed


def _one(name: str) -> Change:
    return lambda state, value: replace(state, **{name: replace(getattr(state, name), level=value)})


def _url(state: State, value: Level) -> State:
    urls = tuple(replace(url, level=value) for url in state.pool.check_urls)
    return replace(state, pool=replace(state.pool, check_urls=urls))


SUBJECTS: dict[str, tuple[Change, Iterable[object], tuple[str, ...]]] = {
    "route": (_first("prefixes", "route"), Level, ("overview", "prefixes")),
    "prefix": (_first("prefixes", "state"), PrefixState, ("prefixes",)),
    "NDP": (_first("ndp", "level"), Level, ("overview", "ndp")),
    "pool": (_one("pool"), Level, ("overview",)),
    "store": (_one("store"), Level, ("overview",)),
    "check URL": (_url, [Level.OK, Level.FAIL, Level.UNKNOWN], ("overview",)),
    "mirror": (_first("mirrors", "level"), [Level.OK, Level.WARN, Level.FAIL], ("overview", "mirrors")),
}
"""What has states: how the document gets one, which there are, and the pages that tell it."""

KEYS = {"overview": "1", "mirrors": "3", "prefixes": "4", "ndp": "5"}


def look(stage: Stage) -> tuple[str, tuple[object, ...]]:
    """Return what the panes say, and in which colours."""
    region = stage.app.page.query_one("#all").region
    strips = stage._strips()[region.y : region.bottom]
    said = "\n".join("".join(segment.text for segment in strip) for strip in strips)
    return said, tuple(segment.style for strip in strips for segment in strip)


async def show(stage: Stage, document: State) -> tuple[str, tuple[object, ...]]:
    stage.source.change(document)
    await stage.settle()
    return look(stage)


async def confused(stage: Stage, name: str) -> tuple[list[str], bool]:
    """Return which states of a subject differ in colour but not in words, and whether the page tells it at all."""
    change, values, _ = SUBJECTS[name]
    document = stage.source.document
    shown = {str(value): await show(stage, change(document, value)) for value in values}
    await show(stage, document)
    pairs = [(one, other) for one, other in combinations(shown, 2) if shown[one][0] == shown[other][0]]
    told = len({said for said, _ in shown.values()}) == len(shown)
    return [f"{name}: {one} and {other}" for one, other in pairs if shown[one][1] != shown[other][1]], told


@pytest.mark.parametrize(("theme", "size"), [("dark", (120, 40)), ("ansi", (80, 24))], ids=["dark", "ansi"])
async def test_every_state_reads_differently_without_any_colour(theme: str, size: tuple[int, int]) -> None:
    async with staged(size=size, look=Look(theme=theme)) as stage:
        found: list[str] = []
        telling: set[str] = set()
        for mode, key in KEYS.items():
            if stage.app.page.mode != mode:
                await stage.press(key)
                await stage.settle()
            for name, (_, _, modes) in SUBJECTS.items():
                if mode in modes:
                    alike, told = await confused(stage, name)
                    found += [f"{mode} {pair}" for pair in alike]
                    telling |= {name} if told else set()
        assert found == []
        assert telling == set(SUBJECTS)


async def test_states_that_differ_in_colour_only_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tones = {level: ("●", "state", kind) for level, (_, _, kind) in tone._LEVELS.items()}
    monkeypatch.setattr(tone, "_LEVELS", tones)
    async with staged(size=(120, 40)) as stage:
        document = stage.source.document
        well = await show(stage, SUBJECTS["store"][0](document, Level.OK))
        ill = await show(stage, SUBJECTS["store"][0](document, Level.FAIL))
        assert well[0] == ill[0]
        assert well[1] != ill[1]
        assert "store: ok and fail" in (await confused(stage, "store"))[0]


def test_the_steps_of_the_doctor_s_chain_read_differently() -> None:
    said = set()
    for level in Level:
        step = DoctorStep(name="route", level=level, text="the same", evidence=(), fix=None)
        report = DoctorReport(at=scene.NOW, prefix=None, interface=None, verdict="the same", steps=(step,))
        said |= {chain(report, 80).plain, chain(report, 80, stale=True).plain}
    assert len(said) == 2 * len(Level) - 1  # what is unknown is so, too, when it is old


async def test_events_of_different_loudness_read_differently_on_both_pages() -> None:
    async with staged(size=(120, 40)) as stage:
        events = tuple(
            Event(id=100 + number, at=scene.NOW, level=level, kind="x.y", text="the same", actor=None)
            for number, level in enumerate(EventLevel)
        )
        stage.source.put(EventsFrame(events=events))
        await stage.settle()
        for key in ("1", "7"):
            if key != "1":
                await stage.press(key)
                await stage.settle()
            lines = [line for line in stage.text().splitlines() if "the same" in line]
            words = {word for line in lines for word in ("· info", "▲ warn", "✖ fail") if word in line}
            assert words == {"· info", "▲ warn", "✖ fail"}


async def test_monochrome_says_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(size=(120, 40)) as stage:
        coloured = look(stage)
    monkeypatch.setenv("NO_COLOR", "1")
    async with staged(size=(120, 40)) as stage:
        plain = look(stage)
    assert plain[0] == coloured[0]
    assert plain[1] != coloured[1]


def test_no_two_tones_of_states_share_glyph_and_word() -> None:
    said = [tone.verdict(level) for level in Level]
    assert len({text for text, _ in said}) == len(said)
    assert {kind for text, kind in said if text == "◌ unknown"} == {Tone.UNKNOWN}
