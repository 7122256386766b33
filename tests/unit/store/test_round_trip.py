"""What was committed is what is loaded: any sequence of changes against a dumb model of dicts."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipv6console.engine.protocol import Durability
from ipv6console.pool.change import (
    AddressAdded,
    AddressRemoved,
    Change,
    LeaseEnded,
    MirrorFlushed,
    MirrorRecorded,
    PoolEmptied,
    PrefixEmptied,
    PrefixRecorded,
    RevocationRecorded,
    Snapshot,
    TokenRecorded,
    TokenRevoked,
    UsageRecorded,
)
from ipv6console.store.database import SqliteStore

IDS = st.integers(1, 4)
ROWS = st.integers(1, 24)
TIMES = st.floats(0, 4e9, allow_nan=False)
NETWORKS = st.integers(0, 2**128 - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)

CHANGES = st.one_of(
    st.builds(
        PrefixRecorded, IDS, NETWORKS, st.integers(32, 128), TEXTS, TEXTS, TEXTS, TIMES, TIMES, held=st.booleans()
    ),
    st.builds(PrefixEmptied, IDS),
    st.builds(AddressAdded, ROWS, IDS, NETWORKS, TIMES),
    st.builds(AddressRemoved, ROWS),
    st.builds(PoolEmptied),
    st.builds(
        MirrorRecorded,
        IDS,
        st.sampled_from(["default", "task1", "a.b-c_d", "Z"]),
        TIMES,
        st.booleans(),
        st.none() | st.integers(0, 10**6),
        st.none() | TIMES,
        st.none() | TIMES,
        st.none() | st.integers(0, 10**6),
        TEXTS,
    ),
    st.builds(MirrorFlushed, IDS),
    st.builds(
        UsageRecorded,
        IDS,
        ROWS,
        st.sampled_from(["idle", "using", "resting", "bad"]),
        st.none() | TEXTS,
        st.none() | TEXTS,
        TIMES,
        st.none() | TIMES,
        st.booleans(),
        st.integers(0, 99),
        st.integers(0, 2**62),
        st.none() | TEXTS,
    ),
    st.builds(
        LeaseEnded,
        NETWORKS,
        st.sampled_from(["default", "task1"]),
        TEXTS,
        TIMES,
        TIMES,
        st.sampled_from(["idle", "bad", "expired", "lost", "flushed", "revoked", "reset"]),
        st.none() | TEXTS,
        st.none() | TEXTS,
    ),
    st.builds(TokenRecorded, st.sampled_from(["ci", "edge", "bob"]), TEXTS, TEXTS, TIMES, TEXTS),
    st.builds(TokenRevoked, st.sampled_from(["ci", "edge", "bob"])),
    st.builds(RevocationRecorded, NETWORKS, st.integers(32, 128), TEXTS, TEXTS, TIMES),
)


@dataclass
class Model:
    """The dumb model: dicts, and every rule of `pool.change` written out."""

    prefixes: dict[int, PrefixRecorded] = field(default_factory=dict)
    addresses: dict[int, AddressAdded] = field(default_factory=dict)
    mirrors: dict[int, MirrorRecorded] = field(default_factory=dict)
    usages: dict[tuple[int, int], UsageRecorded] = field(default_factory=dict)
    history: list[LeaseEnded] = field(default_factory=list)
    revocations: list[RevocationRecorded] = field(default_factory=list)
    tokens: dict[str, TokenRecorded] = field(default_factory=dict)
    highest: int = 0
    spent: int = 0

    def allows(self, change: Change) -> bool:
        """Whether a pool could have decided this: the things it names are there, and new names are new."""
        match change:
            case AddressAdded():
                taken = {row.address for row in self.addresses.values()}
                return (
                    change.prefix_id in self.prefixes
                    and change.id not in self.addresses
                    and change.id >= self.spent
                    and change.address not in taken
                )
            case MirrorRecorded():
                return all(row.name != change.name or row.id == change.id for row in self.mirrors.values())
            case UsageRecorded():
                return change.mirror_id in self.mirrors and change.address_id in self.addresses
            case TokenRecorded():
                return change.name not in self.tokens
            case _:
                return True

    def apply(self, change: Change) -> None:
        match change:
            case PrefixEmptied():
                self.spent = self.highest + 1
                self.drop({row.id for row in self.addresses.values() if row.prefix_id == change.prefix_id})
            case AddressRemoved():
                self.drop({change.id})
            case PoolEmptied():
                self.spent = self.highest + 1
                self.drop(set(self.addresses))
            case MirrorFlushed():
                self.usages = {key: row for key, row in self.usages.items() if key[0] != change.mirror_id}
            case TokenRevoked():
                self.tokens.pop(change.name, None)
            case _:
                self.keep(change)

    def keep(self, change: Change) -> None:
        match change:
            case PrefixRecorded():
                self.prefixes[change.id] = change
            case AddressAdded():
                self.addresses[change.id] = change
                self.highest = max(self.highest, change.id)
            case MirrorRecorded():
                self.mirrors[change.id] = change
            case UsageRecorded():
                self.usages[change.mirror_id, change.address_id] = change
            case RevocationRecorded():
                self.revocations.append(change)
            case LeaseEnded():
                self.history.append(change)
            case TokenRecorded():
                self.tokens[change.name] = change

    def drop(self, gone: set[int]) -> None:
        self.addresses = {key: row for key, row in self.addresses.items() if key not in gone}
        self.usages = {key: row for key, row in self.usages.items() if key[1] not in gone}

    def snapshot(self) -> Snapshot:
        return Snapshot(
            tuple(self.prefixes[key] for key in sorted(self.prefixes)),
            tuple(self.addresses[key] for key in sorted(self.addresses)),
            tuple(self.mirrors[key] for key in sorted(self.mirrors)),
            tuple(sorted(self.usages.values(), key=lambda row: (row.since, row.mirror_id, row.address_id))),
            tuple(self.revocations),
            tuple(sorted(self.tokens.values(), key=lambda row: (row.created_at, row.name))),
        )

    def past(self) -> tuple[LeaseEnded, ...]:
        newest_last = sorted(enumerate(self.history), key=lambda item: (item[1].until, item[0]))
        return tuple(row for _, row in reversed(newest_last))


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "engine.db"

    async def make() -> None:
        store = await SqliteStore.open(path)
        await store.close()

    asyncio.run(make())
    return path


@given(
    drawn=st.lists(st.tuples(CHANGES, st.booleans(), st.sampled_from(Durability)), max_size=60),
)
@settings(max_examples=150, deadline=None)
def test_any_sequence_of_changes_is_loaded_as_the_state_it_adds_up_to(
    empty_database: Path, drawn: list[tuple[Change, bool, Durability]]
) -> None:
    model = Model()
    groups: list[tuple[list[Change], Durability]] = []
    group: list[Change] = []
    for change, cut, durability in drawn:
        if model.allows(change):
            model.apply(change)
            group.append(change)
        if cut:
            groups.append((group, durability))
            group = []
    groups.append((group, Durability.PROCESS))

    async def go(path: Path) -> tuple[Snapshot, Snapshot, Snapshot, tuple[LeaseEnded, ...]]:
        store = await SqliteStore.open(path)
        await asyncio.gather(*(store.commit(changes, durability) for changes, durability in groups))
        live = await store.load()
        await store.close()
        again = await SqliteStore.open(path)
        kept = await again.load()
        past = await again.history(None, None, None, 1_000)
        while await again.delete_departed():
            pass
        swept = await again.load()
        await again.close()
        return live, kept, swept, past

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "engine.db"
        shutil.copy(empty_database, copy)
        live, kept, swept, past = asyncio.run(go(copy))
    assert live._replace(spent=0) == model.snapshot()
    assert live.spent <= model.spent
    assert kept == live
    assert swept == live._replace(spent=0)
    assert past == model.past()
    for row in (*live.prefixes, *live.mirrors, *live.usages):
        flag = row.held if isinstance(row, PrefixRecorded) else getattr(row, "draining", getattr(row, "owned", None))
        assert type(flag) is bool
