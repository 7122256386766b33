"""How many addresses are checked in a second, against one httpx client for each of them, over plain HTTP and over TLS.

    sudo python benchmarks/checks.py [--rounds 5] [--addresses 2000] [--rival 40]

The engine's checker asks from CONCURRENCY addresses at a time, as it does when it fills a pool; the rival makes an
`httpx.AsyncClient` bound to each address and asks one after the other, as is usually done. Both are in turns in the same
process, ask the same server, which runs in a process of its own, and trust it by the same certificate. Runs in a network
namespace of its own, which ends with it. A figure is the median over the rounds of a round's ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from random import Random
from statistics import median

import certifi
import httpx
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.place import enter
from benchmarks.row import Row, show
from ipv6console.engine.checker import Checker, Outcome
from ipv6console.engine.clock import BootClock
from ipv6console.engine.echo import Echo

PREFIX, SITE = int(IPv6Address("2001:db8:5::")), "2001:db8:ffff::1"
PLAIN, SECURE = 8_081, 8_443
CONCURRENCY = 64
PATIENCE = 30.0
AIMS = {"plain": (150.0, 50.0), "TLS": (30.0, 20.0)}


class Site(asyncio.Protocol):
    """Answers with the caller's address."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request that came whole."""
        if data.endswith(b"\r\n\r\n"):
            body = self._transport.get_extra_info("peername")[0].encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % len(body)
            self._transport.write(head + body)  # type: ignore[attr-defined]


async def serve(certificate: str, key: str) -> None:
    """Be the server, until it is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    await loop.create_server(Site, SITE, PLAIN, backlog=1_024)
    await loop.create_server(Site, SITE, SECURE, ssl=context, backlog=1_024)
    await asyncio.Event().wait()


def addresses() -> Iterator[int]:
    """Yield addresses of the prefix, none twice."""
    random = Random(11)
    while True:
        yield PREFIX | random.getrandbits(72)


async def ours(url: str, sources: Iterator[int], count: int) -> float:
    """Return how many addresses the engine's checker proves in a second."""
    checker = Checker(Echo(10.0), (url,), BootClock(), concurrency=CONCURRENCY)
    began = time.perf_counter()
    found = await asyncio.gather(*(checker.check(next(sources)) for _ in range(count)))
    took = time.perf_counter() - began
    if failed := [verdict.text for verdict in found if verdict.outcome is not Outcome.USABLE]:
        sys.exit(f"{len(failed)} of {count} checks failed: {failed[0]}")
    return count / took


async def rival(url: str, sources: Iterator[int], count: int) -> float:
    """Return how many addresses are proved in a second by a client for each."""
    began = time.perf_counter()
    for _ in range(count):
        source = str(IPv6Address(next(sources)))
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=source)) as client:
            answer = await client.get(url)
        if answer.text != source:
            sys.exit(f"asked from {source}, seen as {answer.text}")
    return count / (time.perf_counter() - began)


async def measure(rounds: int, count: int, clients: int) -> bool:
    """Measure both in turns."""
    rows, sources = [], addresses()
    for kind, url in {"plain": f"http://[{SITE}]:{PLAIN}/ip", "TLS": f"https://[{SITE}]:{SECURE}/ip"}.items():
        await ours(url, sources, CONCURRENCY)
        await rival(url, sources, 1)
        rates = [(await ours(url, sources, count), await rival(url, sources, clients)) for _ in range(rounds)]
        mine, theirs = (median(rate[side] for rate in rates) for side in (0, 1))
        print(f"{kind}: {mine:,.0f} checks/s, one httpx client for each {theirs:,.1f} checks/s")
        target, least = AIMS[kind]
        ratio = median(mine / theirs for mine, theirs in rates)
        rows.append(Row(f"checks/s, {kind}, of one httpx client per address", target, least, ratio, "x", more=True))
    return show(rows)


def certified(folder: Path) -> tuple[Path, Path]:
    """Return a certificate of the site and its key."""
    if shutil.which("openssl") is None:
        sys.exit("the certificate is made by openssl, which is not here: apt-get install openssl")
    certificate, key = folder / "site.pem", folder / "site.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=site", "-addext", f"subjectAltName=IP:{SITE}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def main() -> None:
    """Build the host, measure, and take it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often both are measured (5)")
    parser.add_argument("--addresses", type=int, default=2_000, help="checks of ours in a round (2000)")
    parser.add_argument("--rival", type=int, default=40, help="checks of the rival in a round (40)")
    parser.add_argument("--serve", nargs=2, metavar=("CERTIFICATE", "KEY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        uvloop.run(serve(*given.serve))
        return
    enter()
    host = f"ip link set lo up; sysctl -qw net.ipv6.ip_nonlocal_bind=1; ip addr add {SITE}/128 dev lo nodad"
    host += "; ip -6 route add local 2001:db8:5::/56 dev lo"
    subprocess.run(["sh", "-ec", host], check=True)
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = certified(Path(folder))
        # Beside all that a client trusts otherwise: to read those is most of what a client of httpx costs.
        trusted = Path(folder, "trusted.pem")
        trusted.write_bytes(Path(certifi.where()).read_bytes() + certificate.read_bytes())
        os.environ["SSL_CERT_FILE"] = str(trusted)
        site = subprocess.Popen([sys.executable, __file__, "--serve", certificate, key])
        try:
            until = time.monotonic() + PATIENCE
            while socket.socket(socket.AF_INET6).connect_ex((SITE, SECURE)) != 0:
                if site.poll() is not None or time.monotonic() > until:
                    sys.exit("the site does not answer")
                time.sleep(0.05)
            good = uvloop.run(measure(given.rounds, given.addresses, given.rival))
        finally:
            site.kill()
            site.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
