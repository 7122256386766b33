from __future__ import annotations

import pytest

from ipv6console.quantity import addresses, leases, many


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (addresses(0), "0 addresses"),
        (addresses(1), "1 address"),
        (leases(1), "1 lease"),
        (leases(2), "2 leases"),
        (many(1_024, "ban", "bans"), "1,024 bans"),
    ],
)
def test_a_count_has_its_noun_in_the_right_number(said: str, text: str) -> None:
    assert said == text
