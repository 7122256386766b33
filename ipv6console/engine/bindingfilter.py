"""Finding bindings: by an index where one serves, else by looking at them in the order of their addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple, Self

from ipv6console.engine.errors import InvalidRequest
from ipv6console.engine.spacerows import binding_row
from ipv6console.ipam.change import BindingRecorded
from ipv6console.ipam.claim import parse_resource
from ipv6console.ipam.errors import InvalidName
from ipv6console.ipam.space import Space
from ipv6console.ipam.span import Address, Span, format_address, parse_span
from ipv6console.wire.space import BindingPage, BindingRow

LOOKED_AT = 5_000
"""The most bindings that one request looks at one by one: everybody else waits meanwhile."""

INDEXED = 10_000
"""The most that one request takes from an index, to put them in order."""

_ADDRESS = frozenset("0123456789abcdef:.")
_at_once = itemgetter(BindingRecorded._fields.index("family"), BindingRecorded._fields.index("address"))


class Place(NamedTuple):
    """Where a page ended: behind this address of this space, with `so_far` bindings that fit up to there."""

    space: str
    address: Address
    so_far: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place a cursor names; raises InvalidRequest."""
        try:
            name, family, value, count = text.split(":")
            address = Address(int(family), int(value, 16))
            format_address(*address)
            return cls(name, address, int(count))
        except (KeyError, OverflowError, ValueError) as error:
            raise InvalidRequest(
                f"{text[:80]!r} is no cursor of a list of bindings", next="give the `next` of the page before"
            ) from error

    def __str__(self) -> str:
        return f"{self.space}:{self.address.family}:{self.address.value:x}:{self.so_far}"


class BindingFilter(NamedTuple):
    """What bindings have to fit; None is any."""

    instance: str | None = None
    key: str | None = None
    kind: str | None = None
    resource: str | None = None
    span: Span | None = None
    tag: str | None = None
    text: str | None = None

    @classmethod
    def made(
        cls,
        *,
        instance: str | None,
        key: str | None,
        kind: str | None,
        resource: str | None,
        address: str | None,
        tag: str | None,
        text: str | None,
    ) -> Self:
        """Return a filter; a MAC may be spelled in any way. Raises ipam's errors for an address or CIDR that is none."""
        if resource is not None and kind in (None, "mac"):
            resource = _as_mac(resource)
        span = None if address is None else parse_span(address)
        return cls(instance, key, kind, resource, span, tag, text.lower() if text else None)

    def fits(self, row: BindingRecorded) -> bool:
        """Return whether a binding fits."""
        return (
            self.instance in (None, row.instance)
            and self.key in (None, row.key)
            and self.kind in (None, row.kind)
            and self.resource in (None, row.resource)
            and (self.span is None or self._has(self.span, row))
            and (self.tag is None or self._tagged(self.tag, row.tags))
            and (self.text is None or self._says(row))
        )

    def candidates(self, space: Space) -> Sequence[BindingRecorded] | None:
        """Return the bindings of a space that an index finds, among which are all that fit; None when no index serves."""
        if self.instance is not None and self.key is not None:
            row = space.find_by_id(self.instance, self.key)
            return () if row is None else (row,)
        if self.kind is not None and self.resource:
            return space.find_by_resource(self.kind, self.resource)
        if self.tag is not None:
            return space.find_by_tag(self.tag)
        if self.instance is not None:
            return space.list_by_instance(self.instance)
        return None

    @staticmethod
    def _has(span: Span, row: BindingRecorded) -> bool:
        return span.family == row.family and span.first <= row.address <= span.last

    @staticmethod
    def _tagged(tag: str, tags: str) -> bool:
        # As they are kept, a JSON list: no tag has a character that JSON escapes, or a quotation mark.
        return '"' not in tag and f'"{tag}"' in tags

    def _says(self, row: BindingRecorded) -> bool:
        text = self.text or ""
        return (
            text in row.key.lower()
            or text in row.resource.lower()
            or text in row.instance.lower()
            or text in row.tags.lower()
            # To write an address costs more than all the others.
            or (_ADDRESS.issuperset(text) and text in format_address(row.family, row.address))
        )


def found(spaces: Sequence[Space], wanted: BindingFilter, after: Place | None, limit: int) -> BindingPage:
    """Return a page of the bindings of `spaces`, which are in the order of their names, behind the place `after`.

    Where no index serves, or finds that many, one page looks at a bounded number of bindings: it may be short of `limit` and yet have a `next`,
    and its `total` counts what was found so far.
    """
    if wanted == BindingFilter():
        total = sum(space.stats().bindings for space in spaces)
        return _page(islice(_behind(spaces, wanted, after), limit + 1), limit, total)
    by_index = [(space, wanted.candidates(space)) for space in spaces]
    if all(rows is not None for _, rows in by_index) and sum(len(rows or ()) for _, rows in by_index) <= INDEXED:
        fitting = [
            (space.row.name, row)
            for space, rows in by_index
            for row in sorted(rows or (), key=_at_once)
            if wanted.fits(row)
        ]
        rest = (one for one in fitting if after is None or (one[0], _at(one[1])) > after[:2])
        return _page(islice(rest, limit + 1), limit, len(fitting))
    return _looked_for(spaces, wanted, after, limit)


def _looked_for(spaces: Sequence[Space], wanted: BindingFilter, after: Place | None, limit: int) -> BindingPage:
    count = 0 if after is None else after.so_far
    rows: list[BindingRow] = []
    end: Place | None = None
    seen: tuple[str, BindingRecorded] | None = None
    for looked, (name, row) in enumerate(_behind(spaces, wanted, after)):
        if looked == LOOKED_AT and seen is not None:
            end = end or Place(seen[0], _at(seen[1]), count)
            break
        seen = name, row
        if wanted.fits(row):
            count += 1
            if len(rows) < limit:
                rows.append(binding_row(name, row))
                last = Place(name, _at(row), count)
            else:
                end = end or last
    return BindingPage(bindings=tuple(rows), total=count, next=None if end is None else str(end))


def _page(found: Iterable[tuple[str, BindingRecorded]], limit: int, total: int) -> BindingPage:
    some = list(found)
    rows = tuple(binding_row(name, row) for name, row in some[:limit])
    end = Place(some[limit - 1][0], _at(some[limit - 1][1])) if len(some) > limit else None
    return BindingPage(bindings=rows, total=total, next=None if end is None else str(end))


def _behind(
    spaces: Iterable[Space], wanted: BindingFilter, after: Place | None
) -> Iterator[tuple[str, BindingRecorded]]:
    for space in spaces:
        name = space.row.name
        if after is None or name >= after.space:
            behind = after.address if after is not None and name == after.space else None
            for row in space.bindings(wanted.span, after=behind):
                yield name, row


def _at(row: BindingRecorded) -> Address:
    return Address(row.family, row.address)


def _as_mac(resource: str) -> str:
    try:
        return parse_resource("mac", resource)[1]
    except InvalidName:
        return resource
