"""Kinds of values: how each is read from TOML and from text, and what is refused."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

R = TypeVar("R")

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")


class Unfit(ValueError):
    """A value that is not allowed; the message says what is. `item` counts from 0 in a list, in a table it is the key.

    In a list of tables it is both, and what is wrong inside that key besides.
    """

    item: int | str | tuple[int | str, ...] | None = None

    @property
    def path(self) -> tuple[int | str, ...]:
        """Where below the setting the fault is."""
        if self.item is None:
            return ()
        return self.item if isinstance(self.item, tuple) else (self.item,)


class Kind(Protocol):
    """A kind of value: both readers return it as Settings holds it, or raise Unfit."""

    def read(self, value: object) -> object:
        """Read a value as TOML gives it."""
        ...

    def read_text(self, text: str) -> object:
        """Read a value from the environment or a flag."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `check` returns it in its proper spelling or raises Unfit."""

    check: Callable[[str], str]

    def read(self, value: object) -> str:
        """See Kind."""
        if not isinstance(value, str):
            raise Unfit(f"text in quotes is expected, got {shown(value)}")
        return self.check(value)

    def read_text(self, text: str) -> str:
        """See Kind."""
        return self.check(text.strip())


@dataclass(frozen=True, slots=True)
class Number(Text):
    """A string, which may also be given as a whole number."""

    def read(self, value: object) -> str:
        """See Kind."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        # Not super(): a class with slots is made twice, and the first one is another.
        return Text.read(self, value)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def read(self, value: object) -> bool:
        """See Kind."""
        if not isinstance(value, bool):
            raise Unfit(f"true or false is expected, got {shown(value)}")
        return value

    def read_text(self, text: str) -> bool:
        """See Kind."""
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.strip().lower() not in words:
            raise Unfit(f"true or false is expected, got {shown(text)}")
        return words[text.strip().lower()]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between `low` and `high`, or one of `only`."""

    low: int
    high: int
    only: tuple[int, ...] = ()

    def read(self, value: object) -> int:
        """See Kind."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unfit(f"{self._allowed()} is expected, got {shown(value)}")
        if not self.low <= value <= self.high or (self.only and value not in self.only):
            raise Unfit(f"{self._allowed()} is allowed, got {value}")
        return value

    def read_text(self, text: str) -> int:
        """See Kind."""
        try:
            return self.read(int(text))
        except ValueError as error:
            raise Unfit(f"{self._allowed()} is allowed, got {shown(text)}") from error

    def _allowed(self) -> str:
        if self.only:
            return f"one of {', '.join(map(str, self.only))}"
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds as a number, or text with a unit: 90s, 15m, 1h, 2d; between `low` and `high` seconds."""

    low: float
    high: float

    def read(self, value: object) -> float:
        """See Kind."""
        if isinstance(value, str):
            return self.read_text(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Unfit(f"{self._allowed()} is expected, got {shown(value)}")
        if not self.low <= value <= self.high:
            raise Unfit(f"{self._allowed()} is allowed, got {value}")
        return float(value)

    def read_text(self, text: str) -> float:
        """See Kind."""
        match = _DURATION.fullmatch(text.strip())
        if match is None:
            raise Unfit(f"{self._allowed()} is allowed, got {shown(text)}")
        return self.read(float(match[1]) * _UNITS[match[2]])

    def _allowed(self) -> str:
        return f"a duration from {self.low:.15g} to {self.high:.15g} seconds (a number, or like 90s, 15m, 1h, 2d)"


@dataclass(frozen=True, slots=True)
class Share:
    """A number above 0 and up to 1."""

    def read(self, value: object) -> float:
        """See Kind."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
            raise Unfit(f"a number above 0 and up to 1 is expected, got {shown(value)}")
        return float(value)

    def read_text(self, text: str) -> float:
        """See Kind."""
        try:
            return self.read(float(text))
        except ValueError as error:
            raise Unfit(f"a number above 0 and up to 1 is expected, got {shown(text)}") from error


@dataclass(frozen=True, slots=True)
class Many:
    """A list of texts, `least` at least; in the environment separated by commas."""

    item: Text
    least: int = 0
    alike: bool = False

    def read(self, value: object) -> tuple[str, ...]:
        """See Kind."""
        if not isinstance(value, list | tuple):
            raise Unfit(f'a list of texts, like ["…"], is expected, got {shown(value)}')
        items = []
        for number, item in enumerate(value):
            try:
                items.append(self.item.read(item))
            except Unfit as error:
                error.item = number
                raise
        if len(items) < self.least:
            raise Unfit(f"at least {self.least} of them must be given")
        if not self.alike and len(set(items)) != len(items):
            raise Unfit("the same one is given twice")
        return tuple(items)

    def read_text(self, text: str) -> tuple[str, ...]:
        """See Kind."""
        return self.read([item.strip() for item in text.split(",") if item.strip()])


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts, as Settings holds it "KEY=VALUE" each; so in the environment, separated by commas."""

    def read(self, value: object) -> tuple[str, ...]:
        """See Kind."""
        if isinstance(value, tuple):
            return self._pairs(str(pair).partition("=") for pair in value)
        if not isinstance(value, dict):
            raise Unfit(f'a table, like {{ spawn = "N" }}, is expected, got {shown(value)}')
        return self._pairs((key, "=", text) for key, text in value.items())

    def read_text(self, text: str) -> tuple[str, ...]:
        """See Kind."""
        return self.read(tuple(item.strip() for item in text.split(",") if item.strip()))

    @staticmethod
    def _pairs(pairs: Iterable[tuple[str, str, object]]) -> tuple[str, ...]:
        told = {}
        for key, equals, text in pairs:
            if not isinstance(text, str) or not text or not equals or not key:
                problem = Unfit(f"KEY=VALUE is expected, got {shown(text if key and equals else key)}")
                problem.item = key
                raise problem
            told[key] = text
        return tuple(f"{key}={text}" for key, text in told.items())


@dataclass(frozen=True, slots=True)
class Rows(Generic[R]):
    """A list of tables with the keys of `kinds`, each held as a `row`; `check` raises Unfit for one that makes no sense."""

    row: type[R]
    kinds: Mapping[str, Kind]
    check: Callable[[R], None]

    def read(self, value: object) -> tuple[R, ...]:
        """See Kind."""
        if not isinstance(value, list | tuple):
            raise Unfit("a list of tables is expected, each under a line with its name in [[ ]]")
        return tuple(self._row(number, item) for number, item in enumerate(value))

    def read_text(self, text: str) -> tuple[R, ...]:
        """Refuse it: tables do not fit into a variable, and what they hold may be secret."""
        if text.strip():
            raise Unfit("tables are expected, which a file alone can hold")
        return ()

    def _row(self, number: int, item: object) -> R:
        if isinstance(item, self.row):
            return item
        if not isinstance(item, Mapping):
            raise _at(Unfit("a table is expected"), number)
        values = {}
        for key, value in item.items():
            if key not in self.kinds:
                near = difflib.get_close_matches(key, self.kinds, n=1, cutoff=0.4)
                meant = f"did you mean {near[0]}?" if near else f"its keys are {', '.join(self.kinds)}"
                raise _at(Unfit(f"there is no key {key} in it; {meant}"), number, key)
            try:
                values[key] = self.kinds[key].read(value)
            except Unfit as error:
                told = Unfit(f"{key}: {error}")
                raise _at(told, number, key, *error.path) from error
        shape: Any = self.row
        for key in fields(shape):
            if key.name not in values and key.default is MISSING and key.default_factory is MISSING:
                raise _at(Unfit(f"{key.name} is missing"), number)
        row = self.row(**values)
        try:
            self.check(row)
        except Unfit as error:
            raise _at(error, number) from error
        return row


def _at(error: Unfit, *path: int | str) -> Unfit:
    error.item = path
    return error


def shown(value: object) -> str:
    """Return a value as an error tells it, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
