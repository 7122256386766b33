"""The engine's clock, and how one engine's is told from the next one's."""

from __future__ import annotations

from ipv6console.engine.clock import BootClock, Era


def test_clocks_of_one_boot_agree_unless_the_wall_clock_was_set() -> None:
    assert BootClock().era().since(BootClock().era()) == 0.0
    assert Era("boot", 1_000.0).since(Era("boot", 400.0)) == 600.0
    assert Era("boot", 400.0).since(Era("boot", 1_000.0)) == -600.0


def test_nothing_is_known_of_a_boot_before_this_one() -> None:
    assert Era("boot", 1_000.0).since(Era("another", 1_000.0)) is None
