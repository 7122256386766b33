"""What the console's tests share: stylesheets that are read once, and garbage looked for less often."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_YOUNG = 20_000
"""Objects made before garbage is looked for: an app makes many that all die with it, and each look goes through them."""

_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="module")
def swift_apps() -> Iterator[None]:
    """Spare apps of tests what only costs time: the same stylesheets read for each, garbage looked for all along."""
    read: Any = Stylesheet._parse_rules

    def parse(self: Stylesheet, *text: object, **options: object) -> list[RuleSet]:
        key = (*text, *sorted(options.items()), *sorted(self._variables.items()))
        if key not in _parsed:
            _parsed[key] = read(self, *text, **options)
        return _parsed[key]

    before = gc.get_threshold()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse)
        gc.set_threshold(_YOUNG, *before[1:])
        yield
        gc.set_threshold(*before)
