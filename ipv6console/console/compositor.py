"""A compositor that asks widgets for the lines that changed, and nothing of what is hidden behind others.

Textual's own asks every widget that overlaps the rectangle around all changes for all of its lines, the containers behind
too: for a screen on which an age in each pane changes once a second that is the whole screen, most of it several times.
What comes out is the same, and a test holds it to that. It is written for the one version of Textual that is required.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

Chops = dict[int, Strip | None]


class SparingCompositor(Compositor):
    """Draws an update of some regions from those lines of those widgets that are seen there."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what draws the regions that changed; None when there are none."""
        screen = self.size.region
        dirty = [region.intersection(screen) for region in self._dirty_regions]
        self._dirty_regions.clear()
        spans = list(self._regions_to_spans(region for region in dirty if region))
        if not spans:
            return None
        cuts = self.cuts
        chops: list[Chops] = [{} for _ in cuts]
        missing: dict[int, set[int]] = {}
        for y, left, right in spans:
            line = cuts[y]
            chops[y] = chops[y] or dict.fromkeys(line[:-1])
            wanted = missing.setdefault(y, set())
            wanted.update(cut for cut, end in pairwise(line) if cut < right and end > left)
        self._fill(chops, missing)
        return ChopsUpdate(chops, spans, [line[1:] for line in cuts])

    def _fill(self, chops: Sequence[Chops], missing: dict[int, set[int]]) -> None:
        """Put strips where there are none yet, those of the foremost widgets first."""
        for widget, (region, clip) in self.visible_widgets.items():
            if not missing:
                return
            seen = region.intersection(clip)
            whole = clip.contains_region(region)
            for top, bottom in _runs(seen, missing):
                strips = widget.render_lines(
                    Region(0, top - region.y, region.width, bottom - top)
                    if whole
                    else Region(seen.x - region.x, top - region.y, seen.width, bottom - top)
                )
                for y, strip in zip(range(top, bottom), strips, strict=False):
                    self._cut(y, seen, strip, chops[y], missing)

    def _cut(self, y: int, seen: Region, strip: Strip, chops: Chops, missing: dict[int, set[int]]) -> None:
        ends = [cut for cut in self.cuts[y] if seen.x <= cut <= seen.right]
        parts = strip.divide([cut - seen.x for cut in ends[1:]])
        wanted = missing[y]
        for cut, part in zip(ends, parts, strict=False):
            if cut in wanted:
                wanted.remove(cut)
                chops[cut] = part
        if not wanted:
            del missing[y]


def _runs(seen: Region, missing: dict[int, set[int]]) -> Iterator[tuple[int, int]]:
    """Yield from where to where, one line behind, `seen` has lines next to each other that lack something it covers."""
    lines = [
        y for y in range(seen.y, seen.bottom) if y in missing and any(seen.x <= cut < seen.right for cut in missing[y])
    ]
    while lines:
        top = lines[0]
        count = next((place for place, y in enumerate(lines) if y != top + place), len(lines))
        yield top, top + count
        del lines[:count]
