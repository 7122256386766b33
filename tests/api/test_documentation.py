"""The OpenAPI document and its page."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ipv6console import __version__
from tests.api.schema import complaints
from tests.api.service import Service

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def document(shared_service: Service) -> dict[str, Any]:
    async with shared_service.over_ipv4() as client:
        found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_the_page_and_all_it_loads_come_from_this_server(shared_service: Service) -> None:
    async with shared_service.over_ipv4() as client:
        page = await client.get("/docs")
        assert page.status_code == 200
        assert not re.findall(r"https?://", page.text)
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(loaded) >= 3
        for address in loaded:
            answer = await client.get(address)
            assert answer.status_code == 200, address
            assert answer.content


async def test_nothing_the_style_sheet_names_is_elsewhere(shared_service: Service) -> None:
    async with shared_service.over_ipv4() as client:
        style = (await client.get("/static-offline-docs/swagger-ui.css")).text
    assert not re.findall(r"url\(\s*[\"']?(?:https?:)?//", style)
    assert "@import" not in style


async def test_the_document_names_the_program_and_its_version(document: dict[str, Any]) -> None:
    assert document["info"]["title"] == "ipv6console"
    assert document["info"]["version"] == __version__


async def test_every_operation_is_described_and_tagged(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["tags"], name
        assert operation["description"], name


async def test_every_operation_shows_an_answer_that_fits_its_schema(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        answers = [operation["responses"][status] for status in ("200", "202") if status in operation["responses"]]
        for content in (content for answer in answers for content in answer["content"].values()):
            assert content["schema"], name
            assert content["examples"], name
            for example in content["examples"].values():
                assert complaints(document, content["schema"], example["value"]) == [], name


async def test_every_body_and_parameter_shows_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter["schema"]["examples"], f"{name} {parameter['name']}"
            for value in parameter["schema"]["examples"]:
                assert complaints(document, parameter["schema"], value) == [], f"{name} {parameter['name']}"
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            assert content["examples"], name
            for example in content["examples"].values():
                assert complaints(document, content["schema"], example["value"]) == [], name


async def test_every_refusal_is_documented_as_a_problem_with_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert {"401", "403", "422", "503", "default"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if status in ("200", "202"):
                continue
            assert list(response["content"]) == ["application/problem+json"], f"{name} {status}"
            content = response["content"]["application/problem+json"]
            assert complaints(document, content["schema"], content["example"]) == [], f"{name} {status}"
            assert status in ("default", str(content["example"]["status"]))


async def test_operations_with_a_body_document_its_bound(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        if "requestBody" in operation:
            assert "413" in operation["responses"], name
