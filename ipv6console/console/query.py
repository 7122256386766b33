"""The filter of the pool: what a line of words asks of an address, and what is wrong with a line that asks for nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from ipv6console.console.stock import Stock, Usage

Test = Callable[[Stock, int], bool]
"""Whether the address in a slot passes."""

STATES = ("idle", "using", "bad")
_FIELDS = ("state", "mirror", "lease", "prefix")
_SPANS = ("age", "used", "retry")
_EXAMPLES = "state:bad  mirror:NAME  lease:yes  prefix:2001:db8::/48  age>1h  ::beef  !word"
_COMPARED = re.compile(r"(age|used|retry|uses)(>=?|<=?|:)(.*)", re.DOTALL)
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_HEX = frozenset("0123456789abcdef")
_BITS = 128
_ALL = (1 << _BITS) - 1


class BadFilter(ValueError):
    """A filter line that cannot be meant; the text says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a filter is about besides the addresses: the engine's time, the mirrors there are, who holds what.

    `holders` maps an address to the names of those that lease it, in lower case; None while that is not known.
    """

    now: float = 0.0
    mirrors: tuple[str, ...] | None = None
    holders: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A filter that was understood: its tests, and whether time or the leases can change what passes."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    timed: bool = False
    needs_holders: bool = False

    def passes(self, stock: Stock, slot: int) -> bool:
        """Whether the address in `slot` passes all of it."""
        return all(test(stock, slot) for test in self.tests)


def parse(text: str, context: Context) -> Query:
    """Return what a line asks for; words must all hold, `!` inverts one. Raises BadFilter.

    A lone `!` or `field:` that is still being typed asks for nothing.
    """
    made = _Maker(context)
    words = [(word[1:], True) if word.startswith("!") else (word, False) for word in text.lower().split()]
    for word, inverted in words:
        made.take(word, inverted=inverted)
    return Query(text, made.tests(), made.timed, made.needs_holders)


@dataclass(slots=True)
class _Maker:
    """Collects what the words ask for: states are meant in the mirrors that are named, so they are made at the end."""

    context: Context
    timed: bool = False
    needs_holders: bool = False
    _tests: list[Test] = field(default_factory=list)
    _mirrors: list[str] = field(default_factory=list)
    _states: list[tuple[str, bool]] = field(default_factory=list)

    def take(self, word: str, *, inverted: bool) -> None:
        compared = _COMPARED.fullmatch(word)
        name, colon, value = word.partition(":")
        if not word:
            return
        if compared is not None:
            test = self._compare(*compared.groups())
        elif colon and name in _FIELDS:
            test = self._field(name, value, inverted=inverted)
        elif "/" in word or colon:
            test = _address(word)
        else:
            test = _word(word)
        if test is not None:
            self._tests.append(_not(test) if inverted else test)

    def tests(self) -> tuple[Test, ...]:
        names = tuple(self._mirrors)
        states = [_in_state(state, names, inverted=inverted) for state, inverted in self._states]
        if names and not states:
            states = [_by_usage(lambda usage: _touches(usage, names))]
        return (*states, *self._tests)

    def _field(self, name: str, value: str, *, inverted: bool) -> Test | None:
        if not value:
            return None
        if name == "prefix":
            return _inside(value)
        if name == "lease":
            return self._lease(value)
        if name == "state":
            self._states.append((_state(value), inverted))
            return None
        self._known_mirror(value)
        if inverted:
            return _by_usage(lambda usage: _touches(usage, (value,)))
        self._mirrors.append(value)
        return None

    def _known_mirror(self, value: str) -> None:
        known = self.context.mirrors
        if known is None or any(value in name.lower() for name in known):
            return
        near = get_close_matches(value, known, 1, 0.5)
        there = f"did you mean {near[0]}?" if near else f"there are {', '.join(known[:4]) or 'none yet'}"
        raise BadFilter(f"no mirror has {value} in its name; {there}")

    def _lease(self, value: str) -> Test:
        if value in {"yes", "no"}:
            return _by_usage(lambda usage: bool(usage.leased_in) is (value == "yes"))
        self.needs_holders = True
        holders = self.context.holders or {}
        return lambda stock, slot: value in holders.get(stock.address[slot], "")

    def _compare(self, name: str, sign: str, value: str) -> Test | None:
        if sign == ":":
            raise BadFilter(f"{name} is compared: {name}>{value or ('3' if name == 'uses' else '1h')}, or {name}<…")
        if not value:
            return None
        more = sign.startswith(">")
        if name == "uses":
            if not value.isascii() or not value.isdigit():
                raise BadFilter(f"uses is compared with a whole number: uses{sign}3")
            limit, also = int(value), sign.endswith("=")
            return _oftener(limit - also) if more else _fewer(limit + also)
        self.timed = True
        length, now = _length(name, sign, value), self.context.now
        # What never happened was never used, and is never tried again: it is neither long ago nor soon.
        if name == "retry":
            edge = now + length
            return _later(edge) if more else _sooner(edge)
        edge = now - length
        if name == "used":
            return (lambda stock, slot: stock.used_at[slot] < edge) if more else _used_since(edge)
        return (lambda stock, slot: stock.verified_at[slot] < edge) if more else _verified_since(edge)


def _oftener(limit: int) -> Test:
    return lambda stock, slot: stock.uses[slot] > limit


def _fewer(limit: int) -> Test:
    return lambda stock, slot: stock.uses[slot] < limit


def _later(edge: float) -> Test:
    return lambda stock, slot: stock.retry_at[slot] > edge


def _sooner(edge: float) -> Test:
    return lambda stock, slot: stock.retry_at[slot] < edge


def _used_since(edge: float) -> Test:
    return lambda stock, slot: stock.used_at[slot] > edge


def _verified_since(edge: float) -> Test:
    return lambda stock, slot: stock.verified_at[slot] > edge


def _not(test: Test) -> Test:
    return lambda stock, slot: not test(stock, slot)


def _by_usage(judge: Callable[[Usage], bool]) -> Test:
    """Return a test of what many addresses share; each is judged once."""
    verdicts: dict[Usage, bool] = {}

    def test(stock: Stock, slot: int) -> bool:
        usage = stock.usage[slot]
        if usage is None:
            return False
        verdict = verdicts.get(usage)
        if verdict is None:
            verdict = verdicts[usage] = judge(usage)
        return verdict

    return test


def _named(names: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(want in name.lower() for name in names for want in wanted)


def _touches(usage: Usage, wanted: Sequence[str]) -> bool:
    return all(_named((*usage.leased_in, *usage.bad_in), (want,)) for want in wanted)


def _is(usage: Usage, state: str, mirrors: Sequence[str]) -> bool:
    """Whether an address has a state in every mirror named; without one, in any (idle: in all)."""
    leased = [_named(usage.leased_in, (name,)) for name in mirrors] or [bool(usage.leased_in)]
    bad = [_named(usage.bad_in, (name,)) for name in mirrors] or [bool(usage.bad_in)]
    if state == "idle":
        return not any(leased) and not any(bad)
    return all(leased if state == "using" else bad)


def _in_state(state: str, mirrors: Sequence[str], *, inverted: bool) -> Test:
    test = _by_usage(lambda usage: _is(usage, state, mirrors))
    return _not(test) if inverted else test


def _state(value: str) -> str:
    meant = [state for state in STATES if state.startswith(value)]
    if not meant:
        raise BadFilter(f"state:{value} is none: state:idle, state:using or state:bad")
    return meant[0]


def _length(name: str, sign: str, value: str) -> float:
    parts = _LENGTH.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        count = re.match(r"\d*", value)
        shown = (count[0] if count else "") or "1"
        raise BadFilter(f"{name}{sign}{value} needs a unit s, m, h, d or w: {name}{sign}{shown}h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _word(word: str) -> Test:
    """Return a test for a bare word: in a state, a mirror's name or, when it could be one, the digits of the address."""
    told = _by_usage(lambda usage: word in usage.text)
    if not set(word) <= _HEX:
        return told
    return lambda stock, slot: told(stock, slot) or word in f"{stock.address[slot]:032x}"


def _inside(value: str) -> Test:
    if "/" in value:
        return _network(value)
    if value.endswith("::") or ":" not in value.rstrip(":"):
        return _leading(value)
    try:
        IPv6Address(value)
    except AddressValueError:
        return _leading(value)
    raise BadFilter(f"prefix:{value} lacks a length: prefix:{value}/64 or prefix:{value}::")


def _address(word: str) -> Test:
    """Return a test for a word with `:` or `/` in it: a network, the end of an address, its beginning, or all of it."""
    if "/" in word:
        return _network(word)
    _refuse_foreign(word)
    if word.startswith("::") and word != "::":
        return _ending(word)
    if word.endswith("::"):
        return _leading(word)
    try:
        whole = int(IPv6Address(word))
    except AddressValueError:
        return _leading(word)
    return lambda stock, slot: stock.address[slot] == whole


def _refuse_foreign(word: str) -> None:
    groups = word.split(":")
    if all(set(group) <= _HEX for group in groups):
        return
    near = get_close_matches(groups[0], (*_FIELDS, *_SPANS, "uses"), 1, 0.5)
    if near and near[0] in _FIELDS:
        raise BadFilter(f"{groups[0]}: is no field; did you mean {near[0]}:{word.partition(':')[2]}?")
    raise BadFilter(f"{word} is neither a field nor an address: {_EXAMPLES}")


def _network(word: str) -> Test:
    base, _, length = word.partition("/")
    try:
        start = int(IPv6Address(base))
    except AddressValueError:
        raise BadFilter(f"{base or '/' + length} is no IPv6 network; 2001:db8::/48 is one{_hint(base)}") from None
    if not length:
        raise BadFilter(f"{word} lacks a length: {word}48 or {word}64")
    if not length.isascii() or not length.isdigit() or int(length) > _BITS:
        raise BadFilter(f"/{length} is no length: it is 0 to 128, as in {base}/64")
    mask = _ALL ^ (_ALL >> int(length))
    if start & ~mask & _ALL:
        right = IPv6Network((start & mask, int(length)))
        raise BadFilter(f"{word} has bits beyond /{int(length)}: {right}, or {base} alone for one address")
    return lambda stock, slot: stock.address[slot] & mask == start


def _hint(base: str) -> str:
    try:
        IPv4Address(base)
    except AddressValueError:
        return ""
    return "; the pool holds no IPv4 addresses"


def _groups(text: str, whole: str) -> list[int]:
    groups = text.split(":") if text else []
    if len(groups) > 8 or not all(1 <= len(group) <= 4 for group in groups):
        raise BadFilter(f"{whole} is no address and no part of one: eight groups of 1 to 4 digits, as in 2001:db8::1")
    return [int(group, 16) for group in groups]


def _ending(word: str) -> Test:
    groups = _groups(word[2:].removesuffix(":"), word)
    wanted = sum(group << (16 * place) for place, group in enumerate(reversed(groups)))
    mask = (1 << (16 * len(groups))) - 1
    return lambda stock, slot: stock.address[slot] & mask == wanted


def _leading(word: str) -> Test:
    """Return a test for the beginning of an address; a last group without a colon behind it may be incomplete."""
    text = word.removesuffix("::") if word.endswith("::") else word
    complete = text != word or text.endswith(":")
    head, _, tail = ("", "", text.removesuffix(":")) if complete else text.rpartition(":")
    if "" in head.split(":")[1:] or "::" in text:
        return _spelled(word)
    groups = _groups(tail if complete else head, word)
    wanted = sum(group << (112 - 16 * place) for place, group in enumerate(groups))
    mask = _ALL ^ (_ALL >> (16 * len(groups)))
    if complete or not tail:
        return lambda stock, slot: stock.address[slot] & mask == wanted
    if len(groups) > 7 or len(tail) > 4:
        raise BadFilter(f"{word} is longer than an address: eight groups of 1 to 4 digits")
    shift = 112 - 16 * len(groups)

    def test(stock: Stock, slot: int) -> bool:
        address = stock.address[slot]
        if address & mask != wanted:
            return False
        group = address >> shift & 0xFFFF
        return f"{group:x}".startswith(tail) or f"{group:04x}".startswith(tail)

    return test


def _spelled(word: str) -> Test:
    """Return a test for a beginning with `::` in its midst: groups at the start, and where the rest begins is open."""
    head, _, tail = word.partition("::")
    start, rest = _leading(head + "::"), tail.rstrip(":")
    groups = _groups(rest, word)
    if len(groups) + head.count(":") + 1 > 8:
        raise BadFilter(f"{word} is longer than an address: eight groups of 1 to 4 digits")
    ending = _ending("::" + rest) if rest else None
    return start if ending is None else lambda stock, slot: start(stock, slot) and ending(stock, slot)
