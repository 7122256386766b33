"""Every example of docs/scrapers.md that is marked to run does run, from leased addresses."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
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
    assert [language for _, language, _ in EXAMPLES] == ["python"] * 5 + ["sh"]
    assert [text.count("scrapy") > 0 for (_, _, text), marked in zip(FOUND, MARKED, strict=True) if not marked] == [
        True
    ]


@pytest.mark.parametrize("text", [text for _, language, text in FOUND if language == "python"])
def test_every_python_example_is_python(text: str) -> None:
    ast.parse(text)


@pytest.mark.parametrize(("needs", "language", "text"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs_and_the_site_sees_leased_addresses_only(
    site: Site, engine: StubEngine, needs: str, language: str, text: str
) -> None:
    engine.listen(host="127.0.0.1", port=0)  # in the site's network namespace, which was there first
    if "ip_nonlocal_bind=1" in needs:
        Path("/proc/sys/net/ipv6/ip_nonlocal_bind").write_text("1")
    program = {"python": [sys.executable, "-W", "error", "-c"], "sh": ["sh", "-euc"]}[language]
    text = text.replace("https://shop.example", site.url).replace(
        "http://127.0.0.1:16000", f"http://127.0.0.1:{engine.port}"
    )
    done = subprocess.run(
        [*program, text],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "IPV6CONSOLE_SOCKET": engine.path},
    )
    assert (done.returncode, done.stderr if "verbose" not in text else "") == (0, "")
    assert site.peers
    assert set(site.peers) <= set(ADDRS)
    assert set(site.peers) == set(re.findall(r"2001:db8:77::\w+", done.stdout))
    assert engine.pool.leases == {}
