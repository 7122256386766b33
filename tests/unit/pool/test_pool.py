"""What the pool decides, case by case."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from ipv6console.pool.custom import Custom
from ipv6console.pool.lease import Lease, NotLeased
from ipv6console.pool.limits import InvalidName, Limits, TooManyMirrors
from ipv6console.pool.mirror import Mirror, Status
from ipv6console.pool.pool import Pool
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


def test_a_prefix_that_goes_is_walked_through_once_and_not_for_every_mirror(pool: Pool, mirror: Mirror) -> None:
    walks = 0

    class Rows(set[int]):
        def __iter__(self) -> Iterator[int]:
            nonlocal walks
            walks += 1
            return super().__iter__()

    lease = _pick(pool, mirror)
    other, _ = pool.mirror("two", NOW)
    _pick(pool, other)
    before = Rows(pool.table.rows())
    ended = pool._drop(before)
    assert [(gone.mirror, gone.row) for gone in ended] == [(mirror.name, lease.row), ("two", 0)]
    assert walks <= 2


def _pick(pool: Pool, mirror: Mirror, target: str | None = None, now: float = NOW) -> Lease:
    leased = pool.lease(mirror, now, holder="t", target=target)
    assert leased
    return leased[0]


class TestBansByTarget:
    @pytest.fixture
    def banned(self, pool: Pool, mirror: Mirror) -> Mirror:
        """A mirror whose five addresses a.example bans."""
        for lease in [_pick(pool, mirror) for _ in range(5)]:
            pool.end(lease, Status.BAD, NOW, target="a.example")
        return mirror

    def test_an_address_one_host_bans_is_bad_and_serves_another_host(self, pool: Pool, banned: Mirror) -> None:
        assert banned.count() == (5, 0, 0, 5)
        assert not pool.lease(banned, NOW, holder="t")
        assert not pool.lease(banned, NOW, holder="t", target="a.example")
        lease = _pick(pool, banned, "b.example")
        assert banned.count() == (5, 0, 1, 4)
        pool.end(lease, Status.IDLE, NOW)
        assert banned.count() == (5, 0, 0, 5)

    def test_each_host_counts_its_own_bans(self, pool: Pool, banned: Mirror) -> None:
        lease = _pick(pool, banned, "b.example")
        pool.end(lease, Status.BAD, NOW, target="b.example")
        assert banned.bad[lease.row] == NOW + 50
        waits = {}
        for now in (NOW + 50, NOW + 150):
            pool.acquit(banned, lease.row, now)
            again = next(l for _ in range(5) if (l := _pick(pool, banned, "b.example", now)).row == lease.row)  # noqa: E741
            pool.end(again, Status.BAD, now, target="b.example")
            waits[now] = banned.bad[lease.row] - now
            for other in list(banned.leases.values()):
                pool.end(other, Status.IDLE, now, target="c.example")
        assert waits == {NOW + 50: 100, NOW + 150: 200}

    def test_a_verdict_that_names_no_host_benches_for_every_host(self, pool: Pool, banned: Mirror) -> None:
        lease = _pick(pool, banned, "b.example")
        pool.end(lease, Status.BAD, NOW)
        rows = {_pick(pool, banned, "b.example").row for _ in range(4)}
        assert lease.row not in rows
        assert not pool.lease(banned, NOW, holder="t", target="c.example")

    def test_a_ban_that_has_cooled_down_ends_alone(self, pool: Pool, mirror: Mirror) -> None:
        lease = _pick(pool, mirror)
        pool.end(lease, Status.BAD, NOW, target="a.example")
        for _ in range(4):
            _pick(pool, mirror)
        again = _pick(pool, mirror, "b.example", NOW + 30)
        assert again.row == lease.row
        pool.end(again, Status.BAD, NOW + 30, target="b.example")
        [cooled] = pool.expire(NOW + 50).cooled
        assert cooled == ("task1", lease.row)
        pool.acquit(mirror, lease.row, NOW + 50)
        assert not pool.lease(mirror, NOW + 50, holder="t", target="b.example")
        assert _pick(pool, mirror, "a.example", NOW + 50).row == lease.row

    def test_a_host_that_was_served_well_starts_at_the_shortest_cool_down(self, pool: Pool, banned: Mirror) -> None:
        for row in list(banned.bad):
            pool.acquit(banned, row, NOW + 50)
        waits = []
        for verdict in (Status.BAD, Status.IDLE, Status.BAD):
            lease = next(l for _ in range(5) if (l := _pick(pool, banned, "a.example", NOW + 50)).row == 0)  # noqa: E741
            pool.end(lease, verdict, NOW + 50, target="a.example" if verdict is Status.BAD else None)
            waits.append(banned.bad[0] - NOW - 50 if verdict is Status.BAD else 0)
            pool.acquit(banned, 0, NOW + 1_000)
            for other in list(banned.leases.values()):
                pool.end(other, Status.IDLE, NOW + 50, target="c.example")
        assert waits == [100, 0, 50]

    def test_of_the_idle_and_the_spare_the_one_released_first_is_picked_first(self, pool: Pool, mirror: Mirror) -> None:
        leases = [_pick(pool, mirror) for _ in range(5)]
        for number, lease in enumerate(leases):
            verdict, target = (Status.BAD, "a.example") if number % 2 else (Status.IDLE, None)
            pool.end(lease, verdict, NOW + number, target=target)
        assert [_pick(pool, mirror, "b.example").row for _ in range(5)] == [lease.row for lease in leases]

    def test_an_address_that_many_hosts_ban_is_bad_for_all(self, pool: Pool, banned: Mirror) -> None:
        for _ in range(4):
            _pick(pool, banned, "other")
        row = next(iter(banned.bad))
        for number in range(32):
            lease = _pick(pool, banned, f"host{number}.example")
            pool.end(lease, Status.BAD, NOW, target=f"host{number}.example")
        assert banned.bad[row]
        assert not pool.lease(banned, NOW, holder="t", target="unheard.example")

    def test_a_reset_forgets_every_ban(self, pool: Pool, banned: Mirror) -> None:
        for row in range(5):
            pool.reset(banned, row, NOW)
        assert banned.count() == (5, 5, 0, 0)
        assert len({_pick(pool, banned, "a.example").row for _ in range(5)}) == 5

    def test_a_spare_address_of_a_draining_prefix_is_not_handed_out_until_it_serves_again(
        self, pool: Pool, banned: Mirror
    ) -> None:
        prefix = pool.prefixes[1]
        pool.drain(prefix, NOW)
        assert not pool.lease(banned, NOW, holder="t", target="b.example")
        pool.acquit(banned, 0, NOW + 50)
        assert not pool.lease(banned, NOW, holder="t", target="b.example")
        pool.admit(prefix.network, prefix.length, interface="up0", source="interface", now=NOW)
        assert sorted(_pick(pool, banned, "b.example").row for _ in range(5)) == [0, 1, 2, 3, 4]
        assert not pool.lease(banned, NOW, holder="t", target="b.example")

    def test_the_bound_of_a_64_holds_for_spare_addresses_too(self) -> None:
        pool = Pool(Limits(max_leases_per_64=1), secret=lambda: "s")
        network, length = parse_prefix("2001:db8:56::/56")
        prefix, _ = pool.admit(network, length, interface="up0", source="interface", now=NOW)
        for subnet in range(2):
            for number in range(1, 4):
                pool.add(network | subnet << 64 | number, prefix, NOW)
        mirror, _ = pool.mirror("polite", NOW)
        for _ in range(3):
            for lease in [_pick(pool, mirror), _pick(pool, mirror)]:
                pool.end(lease, Status.BAD, NOW, target="a.example")
        assert {_pick(pool, mirror, "b.example").address >> 64 & 0xFF for _ in range(2)} == {0, 1}
        assert not pool.lease(mirror, NOW, holder="t", target="b.example")
        for lease in list(mirror.leases.values()):
            pool.end(lease, Status.IDLE, NOW)
        assert _pick(pool, mirror, "b.example").row in mirror.leases


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


def test_a_severed_prefix_gives_nothing_keeps_its_leases_and_gives_all_again_when_mended(
    pool: Pool, mirror: Mirror
) -> None:
    cut = next(iter(pool.prefixes.values()))
    network, length = parse_prefix("2001:db8:0:2::/64")
    other, _ = pool.admit(network, length, interface="up1", source="static", now=NOW)
    assert pool.add(network | 1, other, NOW)
    held = pool.lease(mirror, NOW, holder="test")
    assert held

    pool.sever(cut, "up0 has no carrier")
    assert pool.add(cut.network | 99, cut, NOW) is None
    given = pool.lease(mirror, NOW, holder="test")
    assert given
    assert given[0].address == network | 1
    assert pool.lease(mirror, NOW, holder="test") is None
    assert (mirror.count().idle, mirror.count().using, pool.severed) == (0, 2, None)
    pool.end(held[0], Status.IDLE, NOW)
    pool.sever(other, "up1 has no carrier")
    assert pool.severed == "up0 has no carrier"

    pool.sever(cut, None)
    assert {lease[0].address for _ in range(5) if (lease := pool.lease(mirror, NOW, holder="test"))} == {
        cut.network | number for number in range(1, 6)
    }
