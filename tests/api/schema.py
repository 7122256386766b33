"""Does a value fit a JSON schema? Knows the keywords our document uses, and complains of any other."""

from __future__ import annotations

import math
import re
from typing import Any

_KNOWN = {
    "$ref", "additionalProperties", "anyOf", "default", "description", "enum", "examples", "exclusiveMinimum", "items",
    "maxLength", "maximum", "minLength", "minimum", "pattern", "properties", "required", "title", "type", "const",
}  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}


def complaints(document: dict[str, Any], schema: dict[str, Any], value: Any, at: str = "$") -> list[str]:
    """Return what keeps `value` from fitting `schema`; fields no schema names are a complaint too."""
    if unknown := set(schema) - _KNOWN:
        return [f"{at}: unknown keywords {unknown}"]
    if "$ref" in schema:
        found = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return complaints(document, found, value, at)
    if "anyOf" in schema:
        tried = [complaints(document, one, value, at) for one in schema["anyOf"]]
        return [] if [] in tried else [f"{at}: fits none: {tried}"]
    if "type" in schema and not _is(value, schema["type"]):
        return [f"{at}: {value!r} is no {schema['type']}"]
    return [*_bounds(schema, value, at), *_parts(document, schema, value, at)]


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _bounds(schema: dict[str, Any], value: Any, at: str) -> list[str]:
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is not one of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{at}: {value!r} does not match {schema['pattern']}")
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
            found.append(f"{at}: {value!r} has the wrong length")
    elif isinstance(value, int | float) and not (
        schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        and value > schema.get("exclusiveMinimum", -math.inf)
    ):
        found.append(f"{at}: {value!r} is out of bounds")
    return found


def _parts(document: dict[str, Any], schema: dict[str, Any], value: Any, at: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        named = schema.get("properties", {})
        more = schema.get("additionalProperties", not named)
        found.extend(f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, item in value.items():
            part = named.get(name, more)
            if part is False:
                found.append(f"{at}: {name} is not in the schema")
            elif part is not True:
                found.extend(complaints(document, part, item, f"{at}.{name}"))
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            found.extend(complaints(document, schema["items"], item, f"{at}[{number}]"))
    return found
