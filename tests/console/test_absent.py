"""The HA screen: what is not configured, told as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner

from ipv6console.cli import root
from ipv6console.console.screens.dialog import Reader
from tests.console import scene
from tests.console.stage import staged

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_ha_tells_that_the_engine_stands_alone_and_what_that_means(size: tuple[int, int]) -> None:
    async with staged(size=size) as stage:
        await stage.press("6")
        await stage.settle()
        text = " ".join(stage.text("#ha").replace("│", " ").split())
        for told in (
            "○ not configured",
            "standalone on edge-1",
            "1,024 addresses",
            "23 live leases",
            "has no failover",
        ):
            assert told in text
        assert "ipv6console attach http://HOST:16000" in text


async def test_a_role_that_is_not_standalone_is_shown_as_it_is() -> None:
    full = scene.state()
    async with staged(replace(full, engine=replace(full.engine, role="backup"))) as stage:
        await stage.press("6")
        await stage.settle()
        assert "backup on edge-1" in stage.text("#ha")
        assert "It has no peer" not in stage.text("#ha")


async def test_what_is_stale_is_not_called_live() -> None:
    async with staged() as stage:
        await stage.press("6")
        stage.source.lose()
        await stage.settle()
        assert "◌ was not configured" in stage.text("#ha")


async def test_enter_and_y_work_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await stage.press("6")
        await stage.settle()
        await stage.press("y", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("state dir")
        assert "what to do" in copied[0]


@pytest.mark.parametrize("words", [("attach",), ("revoke",), ("token", "create")])
def test_the_commands_that_are_named_exist(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(root, [*words, "--help"]).exit_code == 0
