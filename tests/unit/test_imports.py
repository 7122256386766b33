from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

HEAVY = {
    "alembic",
    "click",
    "fastapi",
    "httptools",
    "httpx",
    "platformdirs",
    "pydantic",
    "pyrad",
    "pyroute2",
    "rich",
    "sqlalchemy",
    "starlette",
    "textual",
    "tomli",
    "uvicorn",
    "uvloop",
    "websockets",
}
LAYERS = {
    "api",
    "client",
    "commands",
    "console",
    "engine",
    "integrations",
    "ipam",
    "lab",
    "linux",
    "notify",
    "pool",
    "store",
}
# httpx loads its own command line, which takes click and rich, wherever those are installed; uvicorn loads click too.
_HTTPX = {"click", "httpx", "rich"}
_SHOW = "\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
_COST_OF_VERSION = 0.150


def modules_after(statement: str) -> set[str]:
    """Return the modules a fresh interpreter has after `statement`; a warning on the way is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", statement + _SHOW], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def heavy(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules} & HEAVY


def layers(modules: set[str]) -> set[str]:
    parts = (module.split(".") for module in modules)
    return {part[1] for part in parts if part[0] == "ipv6console" and len(part) > 1} & LAYERS


@pytest.mark.parametrize(
    ("package", "libraries", "others"),
    [
        ("ipv6console", set(), set()),
        ("ipv6console.wire.state", set(), set()),
        ("ipv6console.wire.codec", set(), set()),
        ("ipv6console.freebind", set(), set()),
        ("ipv6console.config", set(), set()),
        ("ipv6console.configfile", set(), set()),
        ("ipv6console.paths", set(), set()),
        ("ipv6console.olderfiles", set(), set()),
        ("ipv6console.listen", set(), set()),
        ("ipv6console.succession", set(), set()),
        ("ipv6console.pool.pool", set(), {"ipam", "pool"}),
        ("ipv6console.ipam.spaces", set(), {"ipam"}),
        ("ipv6console.engine.engine", {"httptools"}, {"engine", "ipam", "pool"}),
        ("ipv6console.client", set(), {"client"}),
        ("ipv6console.client.stream", set(), {"client"}),
        ("ipv6console.client.engine", _HTTPX, {"client"}),
        ("ipv6console.linux.netlink", {"pyroute2"}, {"linux", "pool"}),
        ("ipv6console.linux.reach", {"pyroute2"}, {"engine", "ipam", "linux", "pool"}),
        ("ipv6console.linux.doctor", {"pyroute2"}, {"engine", "ipam", "linux", "pool"}),
        ("ipv6console.notify.carriers", set(), {"engine", "ipam", "notify", "pool"}),
        ("ipv6console.notify.webhook", _HTTPX, {"engine", "ipam", "notify", "pool"}),
        ("ipv6console.integrations.partners", set(), {"engine", "integrations"}),
        ("ipv6console.integrations.netbox", _HTTPX, {"engine", "integrations"}),
        ("ipv6console.integrations.radius", {"pyrad"}, {"engine", "integrations"}),
        ("ipv6console.store.database", {"sqlalchemy"}, {"engine", "ipam", "pool", "store"}),
        (
            "ipv6console.api.server",
            {"click", "fastapi", "httptools", "pydantic", "starlette", "uvicorn", "websockets"},
            {"api", "engine", "ipam", "pool"},
        ),
        ("ipv6console.console.start", {"platformdirs", "rich", "textual"}, {"client", "console"}),
        (
            "ipv6console.daemon",
            {
                "click",
                "fastapi",
                "httptools",
                "pydantic",
                "pyroute2",
                "sqlalchemy",
                "starlette",
                "uvicorn",
                "uvloop",
                "websockets",
            },
            {"api", "engine", "integrations", "ipam", "linux", "notify", "pool", "store"},
        ),
        ("ipv6console.lab.command", {"pyroute2"}, {"lab"}),
        ("ipv6console.cli", {"click"}, {"commands"}),
        ("ipv6console.child", set(), set()),
    ],
)
def test_a_package_loads_only_its_own_libraries_and_the_layers_below(
    package: str, libraries: set[str], others: set[str]
) -> None:
    modules = modules_after(f"import {package}")
    assert heavy(modules) - libraries == set()
    assert layers(modules) - others == set()


def test_the_console_loads_neither_dialogs_nor_requests_before_its_first_picture() -> None:
    modules = modules_after("import ipv6console.console.start, ipv6console.console.screens.overview")
    later = {"act", "desk", "departure", "palette", "digest", "bundle"}
    own = {module.removeprefix("ipv6console.") for module in modules}
    assert own & {f"console.{name}" for name in later} == set()
    assert {name for name in own if name.startswith("console.screens.")} == {
        "console.screens.overview",
        "console.screens.page",
    }
    assert own & {"client.engine", "client.session", "client.request", "wire.reply", "wire.doctor"} == set()
    assert modules & {"websockets", "pygments", "rich.syntax"} == set()


def test_the_engine_a_console_owns_is_started_before_the_console_itself_is_loaded(tmp_path: Path) -> None:
    modules = modules_after(
        f"""
from ipv6console import child
from ipv6console.cli import run
from ipv6console.commands import console
def refused(*_):
    raise OSError("as far as this test goes")
child.EngineChild = refused
console.require_terminal = lambda: None
folder = {str(tmp_path)!r}
assert run(["console", "--listen", "127.0.0.1:0", "--socket", folder + "/engine.sock", "--state-dir", folder]) == 1
"""
    )
    assert modules & {"httpx", "textual", "websockets"} == set()


def test_who_configures_neither_netbox_nor_radius_loads_nothing_that_speaks_to_them() -> None:
    modules = modules_after(
        "import asyncio\nfrom ipv6console import daemon\nfrom ipv6console.config import Settings\n"
        "from ipv6console.integrations.partners import registry, sessions\n"
        "assert asyncio.run(registry(Settings()).__aenter__()) is sessions(Settings()) is None"
    )
    assert modules & {"httpx", "pyrad", "ipv6console.integrations.netbox", "ipv6console.integrations.radius"} == set()


def test_the_pool_and_the_documents_load_neither_the_network_nor_an_event_loop() -> None:
    modules = modules_after("import ipv6console.pool.pool, ipv6console.wire.delta, ipv6console.wire.plan")
    assert modules & {"asyncio", "ssl", "sqlite3", "subprocess"} == set()


@pytest.mark.parametrize(
    ("words", "loaded"),
    [
        (["--version"], set()),
        (["--help"], {"click"}),
        (["serve", "--help"], {"click"}),
        (["console", "--help"], {"click"}),
        (["pick", "--help"], {"click"}),
        (["lab", "--help"], {"click"}),
        (["net", "plan", "--help"], {"click"}),
        (["info", "--help"], {"click"}),
        (["import-json", "--help"], {"click"}),
        (["token", "create", "--help"], {"click"}),
    ],
)
def test_a_command_loads_only_what_it_needs(words: list[str], loaded: set[str]) -> None:
    modules = modules_after(
        f"import sys; sys.argv = ['ipv6console', *{words!r}]; from ipv6console.__main__ import main; code = main()"
    )
    assert heavy(modules) <= loaded


def test_version_costs_little_over_a_bare_interpreter() -> None:
    def seconds(*words: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    pairs = [(seconds("-m", "ipv6console", "--version"), seconds("-c", "pass")) for _ in range(5)]
    assert median(version - bare for version, bare in pairs) <= _COST_OF_VERSION
