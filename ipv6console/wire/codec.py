"""JSON-able values from the documents, and the documents from JSON-able values."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


_PLAIN = frozenset({str, int, float, bool, type(None)})


_FIELDS: dict[type[Any], tuple[str, ...] | None] = {}


class WireError(ValueError):
    """A document that does not have the shape its type names."""


def encode(value: Any) -> Any:
    """Return `value` (a document, or anything inside one) as JSON-able dicts, lists and scalars."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    names = _names(kind)
    if names is not None:
        return {name: encode(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def decode(cls: type[T], data: Any) -> T:
    """Build a `cls` from JSON-able `data`; unknown keys are ignored so that an older client reads a newer engine.

    Raises WireError naming the path of the first value that does not fit.
    """
    return cast("T", _decode(cls, data, cls.__name__))


def _names(kind: type[Any]) -> tuple[str, ...] | None:
    """Return the names of a document's fields, None when values of `kind` are no documents."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None
    return _FIELDS[kind]


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _decode(hint: Any, data: Any, path: str) -> Any:
    if hint is Any:
        return data
    if isinstance(hint, type) and is_dataclass(hint):
        return _document(hint, data, path)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(hint, data, path)
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise WireError(f"{path}: a list is expected, got {type(data).__name__}")
        return tuple(_decode(get_args(hint)[0], item, f"{path}[{number}]") for number, item in enumerate(data))
    if origin is dict:
        if not isinstance(data, dict):
            raise WireError(f"{path}: an object is expected, got {type(data).__name__}")
        return {key: _decode(get_args(hint)[1], item, f"{path}.{key}") for key, item in data.items()}
    return _scalar(hint, data, path)


def _document(cls: type, data: Any, path: str) -> Any:
    if not isinstance(data, dict):
        raise WireError(f"{path}: an object is expected, got {type(data).__name__}")
    hints = _hints(cls)
    values = {}
    for field in fields(cls):
        if field.name in data:
            values[field.name] = _decode(hints[field.name], data[field.name], f"{path}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise WireError(f"{path}.{field.name}: missing")
    return cls(**values)


def _union(hint: Any, data: Any, path: str) -> Any:
    kinds = get_args(hint)
    if data is None and type(None) in kinds:
        return None
    problem = WireError(f"{path}: {data!r} fits none of {hint}")
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return _decode(kind, data, path)
        except WireError as error:
            problem = error
    raise problem


def _scalar(hint: Any, data: Any, path: str) -> Any:
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(data)
        except ValueError as error:
            raise WireError(f"{path}: {error}") from error
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, hint) or (hint is not bool and isinstance(data, bool)):
        raise WireError(f"{path}: {hint.__name__} is expected, got {data!r}")
    return data
