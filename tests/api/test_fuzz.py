"""The API fuzzed from its own document: what fits it and what does not, over HTTP, on a real engine (DESIGN 14).

Every answer must have a status that the operation names, the media type and shape the document gives it, and be no
mistake of the engine's; what does not fit the document must be refused. What fits it may be refused too: JSON Schema
cannot say what an IPv6 address of the pool is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from schemathesis import APIOperation, Case, CheckContext, GenerationMode, Response
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from ipv6console.api.access import NETWORK
from ipv6console.api.limits import LIMITS
from tests.api.service import serving, settings_in
from tests.api.test_authorisation import TABLE

EXAMPLES = 8
SHOWN: dict[str, str] = {}
"""A token, where loopback alone opens nothing."""
LONGEST_WAIT = 0.01
"""Seconds: a pick may wait in line for five minutes, a fuzzer cannot."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenApiSchema]:
    folder = tmp_path_factory.mktemp("api")
    chosen = settings_in(folder, loopback_scope="operate")
    with (
        start_blocking_portal("asyncio", {"use_uvloop": True}) as portal,
        portal.wrap_async_context_manager(serving(chosen, folder, LIMITS, tokens={"fuzzer": "operate"})) as service,
    ):
        SHOWN["Authorization"] = f"Bearer {service.tokens['fuzzer']}"
        found = schemathesis.openapi.from_url(f"http://127.0.0.1:{service.ports[0]}/openapi.json")
        yield found


@pytest.fixture(scope="module")
def connection() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def named_status(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """A status that only "default" covers is one that a caller was not told of."""
    named = set(case.operation.definition.raw["responses"]) - {"default"}
    assert str(response.status_code) in named, f"{response.status_code} is none of {sorted(named)}: {response.text}"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", TABLE)
def test_every_answer_is_one_that_the_document_gives(
    document: OpenApiSchema, connection: requests.Session, operation: str, mode: GenerationMode
) -> None:
    method, path = operation.split()

    asked = document[path][method]

    @given(asked.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask(case: Case[Any]) -> None:
        if case.query and isinstance(case.query.get("wait"), int | float):
            case.query["wait"] = min(case.query["wait"], LONGEST_WAIT)
        # A case that leaves the token out is to be refused for that.
        shown = NETWORK in path and (mode.is_positive or "Authorization" in (case.headers or {}))
        case.call_and_validate(
            session=connection,
            headers=SHOWN if shown else None,
            additional_checks=[named_status],
            excluded_checks=[positive_data_acceptance],
        )

    if mode.is_positive or _takes_anything(asked):
        ask()


def _takes_anything(operation: APIOperation[Any, Any, Any, Any]) -> bool:
    raw = operation.definition.raw
    return "parameters" in raw or "requestBody" in raw
