"""Every example of docs/scrapers.md that is marked to run does run, from leased addresses."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.conftest import ADDRS, Site, StubEngine

pytestmark = pytest.mark.privileged

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scrapers.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- run(?P<needs>: [^>]*)? -->\n\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
FOUND = [(match["needs"] or "", match["language"], match["text"]) for match in BLOCK.finditer(PAGE)]
MARKED = [match.group().startswith("<!-- run") for match in BLOCK.finditer(PAGE)]
EXAMPLES = [found for found, marked in zip(FOUND, MARKED, strict=True) if marked]


def test_the_page_has_its_examples() -> None:
    assert [language for _, language, _ in EXAMPLES] == ["python"] * 6 + ["sh", "python"]
    assert all(MARKED)
    for stack in ("client.requests import", "AsyncIPv6Session(", "aiohttp.ClientSession(", "curl ", "scrapy.Spider"):
        assert any(stack in text for _, _, text in EXAMPLES), stack


@pytest.mark.parametrize("text", [text for _, language, text in FOUND if language == "python"])
def test_every_python_example_is_python(text: str) -> None:
    ast.parse(text)


@pytest.fixture
def run(site: Site, engine: StubEngine) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs an example with another site in it; the engine is in the site's network namespace."""
    engine.listen(host="127.0.0.1", port=0)

    def call(needs: str, language: str, text: str, target: str, **environment: str) -> subprocess.CompletedProcess[str]:
        if "ip_nonlocal_bind=1" in needs:
            Path("/proc/sys/net/ipv6/ip_nonlocal_bind").write_text("1")
        program = {"python": [sys.executable, "-W", "error", "-c"], "sh": ["sh", "-euc"]}[language]
        text = text.replace("https://shop.example", target).replace(
            "http://127.0.0.1:16000", f"http://127.0.0.1:{engine.port}"
        )
        return subprocess.run(
            [*program, text],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT), "IPV6CONSOLE_SOCKET": engine.path, **environment},
        )

    return call


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs_and_the_site_sees_leased_addresses_only(
    run: Callable[..., subprocess.CompletedProcess[str]], site: Site, engine: StubEngine, example: tuple[str, str, str]
) -> None:
    proxy = f"http://127.0.0.1:{site.port}"
    # The engine's own API is called by curl without a lease, and may be reached through no proxy either.
    done = run(*example, site.url, http_proxy=proxy, https_proxy=proxy, no_proxy="127.0.0.1")
    assert (done.returncode, done.stderr if "verbose" not in example[-1] else "") == (0, "")
    assert site.peers
    assert set(site.peers) <= set(ADDRS)
    assert set(site.peers) == set(re.findall(r"2001:db8:77::\w+", done.stdout))
    assert engine.pool.leases == {}


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_whose_site_has_only_ipv4_sends_nothing(
    run: Callable[..., subprocess.CompletedProcess[str]], site: Site, example: tuple[str, str, str]
) -> None:
    done = run(*example, f"http://127.0.0.1:{site.port}")
    assert done.stderr
    assert site.asks == []
