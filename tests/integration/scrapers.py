"""Scrapers at work while an engine is replaced: run on its host, they tell on standard output what they met."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from contextlib import suppress

IPV6_FREEBIND = 78
stop = threading.Event()
failures: list[str] = []
cycles = [0]
renewed = [0]
slowest = [0.0]
pause = [0.0]
streamed = [0]


def ask(method: str, path: str, body: object = None) -> dict[str, object]:
    """Ask the engine on a connection of its own."""
    began = time.monotonic()
    engine = http.client.HTTPConnection("127.0.0.1", 16000, timeout=60)
    try:
        engine.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        answer = engine.getresponse()
        said = answer.read().decode()
    finally:
        engine.close()
        slowest[0] = max(slowest[0], time.monotonic() - began)
    if answer.status != 200:
        raise OSError(f"{method} {path}: {answer.status} {said}")
    found: dict[str, object] = json.loads(said)
    return found


def expect(so: object, otherwise: str) -> None:
    if not so:
        raise OSError(otherwise)


def work(mirror: str) -> None:
    """Pick, report, again."""
    while not stop.is_set():
        try:
            picked = ask("GET", f"/pick?dbname={mirror}")
            expect(picked["success"], f"nothing to pick: {picked}")
            info = {"addr": picked["addr"], "status": "idle", "lease": picked["lease"]}
            reported = ask("POST", "/report", {"dbname": mirror, "report_info": info})
            expect(reported["success"], f"the report was not taken: {reported}")
            cycles[0] += 1
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))


def renew(token: object) -> None:
    """Keep a lease."""
    while not stop.is_set():
        try:
            ask("POST", f"/leases/{token}/renew", {"ttl": 60})
            renewed[0] += 1
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
        stop.wait(0.05)


def download(source: object, site: str) -> None:
    """Read from the site, from a leased address, without an end."""
    try:
        sock = socket.socket(socket.AF_INET6)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        sock.settimeout(60)
        sock.bind((str(source), 0))
        sock.connect((site, 8080))
        sock.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
        expected = 0
        rest = b""
        came = time.monotonic()
        while not stop.is_set():
            chunk = sock.recv(65536)
            pause[0], came = max(pause[0], time.monotonic() - came), time.monotonic()
            expect(chunk, "the download ended")
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.isdigit():
                    expect(int(line) == expected, f"{line!r} came where {expected} was due")
                    expected += 1
                    streamed[0] = expected
        sock.close()
    except OSError as error:
        failures.append(f"download: {error!r}")


def main() -> None:
    site = sys.argv[1]
    held = ask("GET", "/pick?dbname=held&ttl=60&holder=test")
    threads = [threading.Thread(target=work, args=(f"task{number}",)) for number in range(3)]
    threads.append(threading.Thread(target=renew, args=(held["lease"],)))
    threads.append(threading.Thread(target=download, args=(held["addr"], site)))
    for thread in threads:
        thread.start()
    for line in sys.stdin:
        if line.strip() == "now":
            told = {
                "cycles": cycles[0], "renewed": renewed[0], "streamed": streamed[0], "failures": failures[:20],
                "addr": held["addr"], "lease": held["lease"], "slowest": slowest[0], "pause": pause[0],
            }  # fmt: skip
            sys.stdout.write(f"{json.dumps(told)}\n")
            sys.stdout.flush()
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
