from __future__ import annotations

from pathlib import Path

import pytest

from ipv6console.linux.ndp.block import (
    BEGIN,
    END,
    DamagedBlock,
    claims,
    difference,
    has_block,
    with_block,
    without_block,
)

THEIRS = "proxy lan0 {\n  rule 2001:db8:1::/64 { static }\n}\n"


@pytest.mark.parametrize("text", ["", THEIRS, "# nothing but a comment"])
def test_the_rest_of_the_file_stays_as_it_is(text: str) -> None:
    mixed = with_block(text, "proxy up0 {\n}\n")

    assert has_block(mixed)
    assert without_block(mixed).rstrip("\n") == text.rstrip("\n")
    assert with_block(mixed, "proxy up0 {\n}\n") == mixed


def test_a_changed_block_stays_in_its_place() -> None:
    mixed = with_block(THEIRS, "one\n") + "proxy after0 {\n}\n"

    assert with_block(mixed, "two\n") == mixed.replace("one\n", "two\n")


@pytest.mark.parametrize("text", [BEGIN, f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_marks_that_do_not_pair_up_are_refused(text: str) -> None:
    with pytest.raises(DamagedBlock, match="remove the block by hand"):
        with_block(text, "")


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        (THEIRS, True),
        ('proxy "lan0"{\n}\n', True),
        ("# proxy lan0 {\n", False),
        (with_block("", "proxy lan0 {\n}\n"), False),
        ("proxy lan01 {\n}\n", False),
    ],
)
def test_an_interface_in_somebody_elses_block_is_claimed(text: str, *, claimed: bool) -> None:
    assert claims(text, "lan0") is claimed


def test_the_difference_is_shown_as_diff_shows_it() -> None:
    shown = difference(Path("/etc/x.conf"), "a\n", "a\nb\n")

    assert shown.splitlines() == ["--- /etc/x.conf", "+++ /etc/x.conf", "@@ -1 +1,2 @@", " a", "+b"]
