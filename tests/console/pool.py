"""A seeded pool for the tests of the screens Pool and Mirrors."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ipv6console.console.stock import spelled
from ipv6console.wire.address import AddressRow
from tests.console.scene import NOW, PREFIX

_NETWORK = 0x20010DB8_0000_0001 << 64


def address(low: int = 1, **changes: object) -> AddressRow:
    """A verified address that nobody has used."""
    row = AddressRow(
        addr=spelled(_NETWORK | low), prefix=PREFIX, verified_at=NOW - 7_200, leased_in=(), bad_in=(), last_used_at=None,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def addresses(count: int, seed: int = 6) -> list[AddressRow]:
    """As many different addresses; some leased, some bad, most used before."""
    random = Random(seed)
    return [_any(random) for _ in range(count)]


def _any(random: Random) -> AddressRow:
    used = random.random() < 0.8
    leased = ("news",) if used and random.random() < 0.2 else ()
    bad = tuple(
        name for name in ("shop-de", "prices") if used and random.random() < (0.4 if name == "shop-de" else 0.05)
    )
    return address(
        random.getrandbits(64),
        verified_at=NOW - random.uniform(60, 90_000),
        leased_in=leased,
        bad_in=bad,
        last_used_at=NOW - random.uniform(1, 40_000) if used else None,
        uses=random.randrange(1, 400) if used else 0,
        retry_at=NOW + random.uniform(30, 5_000) if bad else None,
    )
