"""A terminal that is resized faster than the console can draw."""

from __future__ import annotations

import contextlib

from tests.console.storm import survives
from tests.console.test_terminal import Terminal


def test_two_hundred_sizes_at_once_leave_no_error_no_growth_and_the_terminal_as_it_was() -> None:
    with contextlib.closing(Terminal("calm")) as console:
        survives(console, 2.0)
