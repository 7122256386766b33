"""A pool to take over is read a few items at a time, and as it would be at once."""

from __future__ import annotations

import asyncio
import json
from json import JSONDecodeError
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ipv6console.api.pieces import read_import
from ipv6console.wire.importing import ImportRequest

odd = st.sampled_from([None, 1, "x", [], {}, [1], {"addr": "::1"}, True])
texts = st.sampled_from(["::1", 'a"b\\', "ä", ""])
address = st.fixed_dictionaries({"addr": texts, "created_at": st.sampled_from([1, 1.5, "2", None])}) | odd
usage = odd | st.fixed_dictionaries(
    {"addr": texts, "status": texts, "last_used_at": st.none() | st.just(1.0), "use_count": st.integers(-1, 3)}
)
mirror = st.fixed_dictionaries({"dbname": texts | odd, "usages": st.lists(usage, max_size=3) | odd}) | odd
documents = odd | st.fixed_dictionaries(
    {"addresses": st.lists(address, max_size=3) | odd},
    optional={"mirrors": st.lists(mirror, max_size=3) | odd, "prefix": texts | odd, "more": odd},
)
request = TypeAdapter(ImportRequest)


def told(value: Any) -> tuple[object, object]:
    try:
        return request.validate_python(value), None
    except ValidationError as error:
        return None, [(one["loc"], one["type"], one["msg"], one["input"]) for one in error.errors()]


@given(
    documents, st.sampled_from([None, 1]), st.integers(0, 60), st.sampled_from(["", "", "", ",", "}", '"', "1", " "])
)
@example({"addresses": []}, None, 60, "")
def test_what_is_read_in_pieces_is_what_is_read_at_once_and_so_are_the_errors(
    document: Any, indent: int | None, place: int, broken: str
) -> None:
    text = json.dumps(document, indent=indent)
    if broken:
        text = text[:place] + broken + text[place + (broken != ",") :]
    elif place < 20:
        text = text[: len(text) - place]
    try:
        at_once, failure = told(json.loads(text)), None
    except JSONDecodeError as error:
        at_once, failure = None, (error.msg, error.pos)
    try:
        in_pieces, error_of_pieces = told(asyncio.run(read_import(text))), None
    except JSONDecodeError as error:
        in_pieces, error_of_pieces = None, (error.msg, error.pos)
    assert (in_pieces, error_of_pieces) == (at_once, failure)


@pytest.mark.anyio
async def test_others_get_their_turn_while_a_large_pool_is_read() -> None:
    usages = [
        {"addr": f"2001:db8::{row:x}", "status": "idle", "last_used_at": None, "use_count": 1} for row in range(9_000)
    ]
    addresses = [{"addr": row["addr"], "created_at": 1} for row in usages]
    text = json.dumps({"addresses": addresses, "mirrors": [{"dbname": "one", "usages": usages}]})
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    found = await read_import(text)
    counting.cancel()
    assert (len(found.addresses), len(found.mirrors[0].usages)) == (9_000, 9_000)
    assert turns >= 90
