"""The sparing compositor draws, cell by cell, what Textual's own does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from textual._compositor import ChopsUpdate, Compositor

from ipv6console.console.compositor import SparingCompositor
from tests.console import scene
from tests.console.stage import staged

pytestmark = pytest.mark.anyio

_IDLE = re.compile(r"\x1b\[\d+;\d+H(?=\n|\Z|\x1b\[\d+;\d+H)")
"""A move of the cursor after which nothing is written."""


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
@pytest.mark.parametrize("key", ["1", "2", "3", "4", "7"])
async def test_a_partial_update_is_what_textual_s_own_compositor_makes(
    size: tuple[int, int], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str | None, ...]] = []

    def both(compositor: SparingCompositor) -> ChopsUpdate | None:
        dirty = set(compositor._dirty_regions)
        ours = sparing(compositor)
        compositor._dirty_regions = dirty
        theirs = Compositor.render_partial_update(compositor)
        console = stage.app.console
        drawn.append(tuple(_IDLE.sub("", made.render_segments(console)) if made else None for made in (ours, theirs)))
        return ours

    sparing = SparingCompositor.render_partial_update
    async with staged(size=size) as stage:
        await stage.press(key)
        await stage.still()
        monkeypatch.setattr(SparingCompositor, "render_partial_update", both)
        stage.clock.advance(2)
        await stage.settle()
        await stage.press("j", "tab", "j", "slash", "x", "escape")
        full = stage.source.document
        stage.source.change(replace(full, mirrors=(*full.mirrors, scene.mirror_row("fresh", using=3))))
        await stage.still()
        await stage.press("z")
        stage.clock.advance(9)
        await stage.still()
    assert drawn
    assert [ours for ours, _ in drawn] == [theirs for _, theirs in drawn]
