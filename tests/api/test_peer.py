"""What is shown of a process that calls over the Unix socket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from ipv6console.api.peer import program_name
from tests.api.service import Service

SCRAPER = """
import http.client, os, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request("GET", "/pick?dbname=peers")
print(os.getpid(), connection.getresponse().status)
"""


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["/usr/bin/python3", "/srv/scraper.py", "--token", "secret"], "python3 scraper.py"),
        (["python3.11", "-W", "error", "-u", "scraper.py"], "python3.11 scraper.py"),
        (["python", "-m", "shop.scraper", "secret"], "python -m shop.scraper"),
        (["python3", "-c", "print('secret')"], "python3"),
        (["bash", "-lc", "curl -H 'Authorization: Bearer secret'"], "bash"),
        (["perl", "-ne", "secret"], "perl"),
        (["node", "--max-old-space-size=99", "/srv/index.js"], "node index.js"),
        (["/usr/bin/curl", "-H", "Authorization: Bearer secret", "http://localhost/pick"], "curl"),
        (["nginx: worker process"], "nginx:"),
        (["a\nb\x1b[31mc"], "a?b?[31mc"),
        (["x" * 500], "x" * 60),
        (["python3"], "python3"),
        (["python3", "-m"], "python3 -m "),
        ([""], ""),
        ([], ""),
    ],
)
def test_a_program_is_shown_with_its_script_and_none_of_its_arguments(arguments: list[str], shown: str) -> None:
    assert program_name(arguments) == shown


@pytest.mark.anyio
@pytest.mark.parametrize("named", [False, True])
async def test_who_leases_over_the_unix_socket_is_shown_with_its_program(
    service: Service, tmp_path: Path, *, named: bool
) -> None:
    script = tmp_path / "shop_scraper.py"
    script.write_text(SCRAPER.replace("peers", "peers&holder=shop") if named else SCRAPER)
    done = await anyio.run_process([sys.executable, str(script), str(service.path)], stderr=subprocess.PIPE)
    pid, status = done.stdout.decode().split()
    assert status == "200"
    process = f"pid {pid} uid {os.getuid()} {Path(sys.executable).name} shop_scraper.py"
    shown = [("shop" if named else f"unix {process}", process)]
    async with service.over_ipv4() as client:
        leases = (await client.get("/leases?dbname=peers")).json()["leases"]
        entries = (await client.get("/history?dbname=peers")).json()["entries"]
    assert [(row["holder"], row["process"]) for row in leases] == shown
    assert [(row["holder"], row["process"]) for row in entries] == shown
