"""What the pool decides, case by case."""

from __future__ import annotations

from itertools import count

import pytest

from ipv6console.pool.limits import InvalidName, Limits, TooManyMirrors
from ipv6console.pool.mirror import Custom, Mirror, Status
from ipv6console.pool.pool import NotLeased, Pool
from ipv6console.pool.prefix import parse_prefix

NOW = 1_000.0
LIMITS = Limits(lease_ttl=100, tokenless_ttl=300, bad_cooldown=50, bad_cooldown_max=300, max_mirrors=2)


@pytest.fixture
def pool() -> Pool:
    """A pool with five addresses."""
    secrets = count()
    pool = Pool(LIMITS, secret=lambda: str(next(secrets)))
    network, length = parse_prefix("2001:db8:0:1::/64")
    prefix, _ = pool.admit(network, length, interface="up0", source="interface", now=NOW)
    for number in range(1, 6):
        assert pool.add(network | number, prefix, NOW)
    return pool


@pytest.fixture
def mirror(pool: Pool) -> Mirror:
    return pool.mirror("task1", NOW)[0]


def _spoil(pool: Pool, mirror: Mirror, now: float) -> float:
    """Lease until the first address comes round, report it bad; return its cool-down (seconds)."""
    for _ in range(6):
        leased = pool.lease(mirror, now, holder="test")
        assert leased
        lease = leased[0]
        if lease.row == 0:
            pool.end(lease, Status.BAD, now)
            return mirror.bad[0] - now
        pool.end(lease, Status.IDLE, now)
    raise AssertionError("the first address never came round")


def test_a_bad_verdict_in_a_row_doubles_the_cool_down_up_to_the_longest(pool: Pool, mirror: Mirror) -> None:
    waits = []
    for _ in range(5):
        waits.append(_spoil(pool, mirror, NOW))
        pool.acquit(mirror, 0, NOW)
    assert waits == [50, 100, 200, 300, 300]


def test_one_good_use_makes_the_cool_down_short_again(pool: Pool, mirror: Mirror) -> None:
    _spoil(pool, mirror, NOW)
    pool.acquit(mirror, 0, NOW)
    for _ in range(5):
        leased = pool.lease(mirror, NOW, holder="test")
        assert leased
        pool.end(leased[0], Status.IDLE, NOW)
    assert _spoil(pool, mirror, NOW) == 50


def test_a_lease_past_its_end_is_refused_even_before_it_is_swept(pool: Pool, mirror: Mirror) -> None:
    leased = pool.lease(mirror, NOW, holder="test", ttl=10)
    assert leased
    with pytest.raises(NotLeased):
        pool.find_lease(leased[0].token, NOW + 10)


def test_showing_a_token_once_makes_the_lease_owned(pool: Pool, mirror: Mirror) -> None:
    leased = pool.lease(mirror, NOW, holder="test")
    assert leased
    lease = leased[0]
    pool.renew(pool.find_lease(lease.token, NOW), NOW)
    with pytest.raises(NotLeased, match="needs its token"):
        pool.held(mirror, lease.address, None, NOW)


def test_a_ttl_longer_than_allowed_is_cut(pool: Pool, mirror: Mirror) -> None:
    leased = pool.lease(mirror, NOW, holder="test", ttl=1e9)
    assert leased
    assert leased[0].until == NOW + 100


def test_a_token_of_one_lease_does_not_end_another(pool: Pool, mirror: Mirror) -> None:
    first, second = (pool.lease(mirror, NOW, holder="test", ttl=10) for _ in range(2))
    assert first
    assert second
    with pytest.raises(NotLeased, match="of another lease"):
        pool.held(mirror, first[0].address, second[0].token, NOW)


@pytest.mark.parametrize(
    "token", ["", "x", "1-0", "1-0-wrong", "zz-0-1", "1-99-1", "9-0-1", "1-0-" + "a" * 200, "1-0-ü"]
)
def test_a_token_that_was_never_given_out_finds_nothing(pool: Pool, mirror: Mirror, token: str) -> None:
    pool.lease(mirror, NOW, holder="test", ttl=10)
    with pytest.raises(NotLeased):
        pool.find_lease(token, NOW)


def test_one_mirror_more_than_allowed_is_refused(pool: Pool) -> None:
    pool.mirror("one", NOW)
    pool.mirror("two", NOW)
    with pytest.raises(TooManyMirrors):
        pool.mirror("three", NOW)


@pytest.mark.parametrize("name", ["../x", ".x", "", "a" * 65, "a/b", "a\n"])
def test_a_careless_mirror_name_is_refused(pool: Pool, name: str) -> None:
    with pytest.raises(InvalidName):
        pool.mirror(name, NOW)


def test_what_was_never_picked_comes_before_what_was_released(pool: Pool, mirror: Mirror) -> None:
    first = pool.lease(mirror, NOW, holder="test")
    assert first
    pool.end(first[0], Status.IDLE, NOW)
    rows = [leased[0].row for _ in range(5) if (leased := pool.lease(mirror, NOW, holder="test"))]
    assert rows == [1, 2, 3, 4, 0]


def test_an_untouched_mirror_costs_next_to_nothing(pool: Pool) -> None:
    mirror, _ = pool.mirror("idle", NOW)
    assert mirror.count() == (5, 5, 0, 0)
    assert not any((mirror.leases, mirror.bad, mirror.resting, mirror.strikes))


def test_a_ban_by_another_target_starts_its_own_count(pool: Pool, mirror: Mirror) -> None:
    waits = []
    for target in ("a.example", "a.example", "b.example"):
        lease = next(
            leased[0] for _ in range(5) if (leased := pool.lease(mirror, NOW, holder="t")) and not leased[0].row
        )
        pool.end(lease, Status.BAD, NOW, target=target)
        waits.append(mirror.bad[0] - NOW)
        for other in list(mirror.leases.values()):
            pool.end(other, Status.IDLE, NOW)
        pool.acquit(mirror, 0, NOW)
    assert waits == [50, 100, 50]


def test_a_mirror_whose_target_bans_everything_trips_its_breaker_for_one_cool_down() -> None:
    pool = Pool(Limits(breaker_verdicts=5, breaker_ratio=0.8, bad_cooldown=50), secret=lambda: "s")
    network, length = parse_prefix("2001:db8:0:1::/64")
    prefix, _ = pool.admit(network, length, interface="up0", source="interface", now=NOW)
    for number in range(1, 7):
        pool.add(network | number, prefix, NOW)
    mirror, _ = pool.mirror("banned", NOW)
    for verdict in (Status.IDLE, Status.BAD, Status.BAD, Status.BAD, Status.BAD):
        assert not mirror.breaker.tripped(NOW)
        leased = pool.lease(mirror, NOW, holder="t")
        assert leased
        pool.end(leased[0], verdict, NOW)
    assert mirror.breaker.tripped(NOW + 49)
    assert not mirror.breaker.tripped(NOW + 50)


def test_no_more_leases_per_64_than_allowed_until_one_ends() -> None:
    pool = Pool(Limits(max_leases_per_64=2), secret=lambda: "s")
    network, length = parse_prefix("2001:db8:56::/56")
    prefix, _ = pool.admit(network, length, interface="up0", source="interface", now=NOW)
    for number in range(1, 6):
        pool.add(network | number, prefix, NOW)
    pool.add(network | 1 << 64 | 1, prefix, NOW)
    mirror, _ = pool.mirror("polite", NOW)
    leases = [leased[0] for _ in range(6) if (leased := pool.lease(mirror, NOW, holder="t"))]
    assert [lease.address >> 64 & 0xFF for lease in leases] == [0, 0, 1]
    pool.end(leases[0], Status.IDLE, NOW)
    assert pool.lease(mirror, NOW, holder="t")
    assert not pool.lease(mirror, NOW, holder="t")


def test_a_mirrors_own_settings_win_over_the_pools(pool: Pool, mirror: Mirror) -> None:
    pool.customise(mirror, Custom(lease_ttl=7, bad_cooldown=11))
    leased = pool.lease(mirror, NOW, holder="t", ttl=60)
    assert leased
    assert leased[0].until == NOW + 7
    pool.end(leased[0], Status.BAD, NOW)
    assert list(mirror.bad.values()) == [NOW + 11]


def test_what_an_older_system_knew_is_taken_over_once(pool: Pool, mirror: Mirror) -> None:
    bad = pool.adopt(mirror, 0, bad=True, uses=9, now=NOW)
    assert bad
    assert (bad.status, bad.uses, bad.until) == ("bad", 9, NOW + 50)
    good = pool.adopt(mirror, 1, bad=False, uses=3, now=NOW)
    assert good
    assert (good.status, good.uses) == ("idle", 3)
    assert pool.adopt(mirror, 0, bad=False, uses=1, now=NOW) is None
    assert mirror.count() == (5, 4, 0, 1)
    rows = [leased[0].row for _ in range(5) if (leased := pool.lease(mirror, NOW, holder="test"))]
    assert sorted(rows) == [1, 2, 3, 4]
