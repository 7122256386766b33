"""What changed in the state document between two generations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ipv6console.wire.state import EngineState, MirrorRow, NdpRow, PoolState, PrefixRow, SpaceState, State, StoreState


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The step from generation `since` to `generation`; None or empty means unchanged. Rows replace by their key."""

    generation: int
    since: int
    at: float
    engine: EngineState | None = None
    prefixes: tuple[PrefixRow, ...] = ()
    prefixes_gone: tuple[str, ...] = ()
    ndp: tuple[NdpRow, ...] | None = None
    pool: PoolState | None = None
    mirrors: tuple[MirrorRow, ...] = ()
    mirrors_gone: tuple[str, ...] = ()
    store: StoreState | None = None
    space: SpaceState | None = None


class DeltaGap(ValueError):
    """A delta that does not follow the document it was to be applied to."""


Row = TypeVar("Row", PrefixRow, MirrorRow)


def _prefix_key(row: PrefixRow) -> str:
    return str(row.id)


def _mirror_key(row: MirrorRow) -> str:
    return row.name


def difference(old: State, new: State) -> Delta:
    """Return the delta that turns `old` into `new`."""
    prefixes, prefixes_gone = _changed(old.prefixes, new.prefixes, _prefix_key)
    mirrors, mirrors_gone = _changed(old.mirrors, new.mirrors, _mirror_key)
    return Delta(
        generation=new.generation,
        since=old.generation,
        at=new.at,
        engine=None if old.engine == new.engine else new.engine,
        prefixes=prefixes,
        prefixes_gone=prefixes_gone,
        ndp=None if old.ndp == new.ndp else new.ndp,
        pool=None if old.pool == new.pool else new.pool,
        mirrors=mirrors,
        mirrors_gone=mirrors_gone,
        store=None if old.store == new.store else new.store,
        space=None if old.space == new.space else new.space,
    )


def advance(state: State, delta: Delta) -> State:
    """Return `state` one delta later; raises DeltaGap when the delta starts from another generation."""
    if delta.since != state.generation:
        raise DeltaGap(f"the delta follows generation {delta.since}, the document is at {state.generation}")
    return replace(
        state,
        generation=delta.generation,
        at=delta.at,
        engine=delta.engine or state.engine,
        prefixes=_merged(state.prefixes, delta.prefixes, delta.prefixes_gone, _prefix_key),
        ndp=state.ndp if delta.ndp is None else delta.ndp,
        pool=delta.pool or state.pool,
        mirrors=_merged(state.mirrors, delta.mirrors, delta.mirrors_gone, _mirror_key),
        store=delta.store or state.store,
        space=delta.space or state.space,
    )


def _changed(
    old: tuple[Row, ...], new: tuple[Row, ...], key: Callable[[Row], str]
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    before = {key(row): row for row in old}
    changed = tuple(row for row in new if before.get(key(row)) != row)
    present = {key(row) for row in new}
    return changed, tuple(name for name in before if name not in present)


def _merged(
    old: tuple[Row, ...], changed: tuple[Row, ...], gone: tuple[str, ...], key: Callable[[Row], str]
) -> tuple[Row, ...]:
    rows = {key(row): row for row in old}
    rows.update({key(row): row for row in changed})
    for name in gone:
        rows.pop(name, None)
    return tuple(rows.values())
