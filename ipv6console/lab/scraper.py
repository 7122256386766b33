"""One scraper at work: visits the site from leased addresses, changes them, and says which were banned."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

import httpx

from ipv6console.client import IPv6ConsoleError, IPv6Session

logger = logging.getLogger(__name__)

_TIMEOUT = 2.0
_REST = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """What a scraper does: its mirror, pages a second, pages from one address."""

    mirror: str
    rate: float
    pages: int


JOBS = (
    Job("prices", rate=5.0, pages=10),
    Job("news", rate=2.0, pages=5),
    Job("maps", rate=1.0, pages=20),
    Job("reviews", rate=0.5, pages=3),
)
"""Scraper N has job N modulo their number."""


def work(number: int, url: str) -> NoReturn:
    """Do the job of scraper `number` on the site at `url` for ever; a ban is reported, trouble is logged and survived."""
    job = JOBS[number % len(JOBS)]
    while True:
        try:
            with IPv6Session(
                job.mirror, holder=f"lab scraper {number}", adapt_retry_interval=_REST, timeout=_TIMEOUT
            ) as session:
                _visit(session, job, url)
        except (IPv6ConsoleError, httpx.TransportError) as error:
            logger.warning("%s", error)
            time.sleep(_REST)


def _visit(session: IPv6Session, job: Job, url: str) -> NoReturn:
    target = urlsplit(url).hostname
    while True:
        for page in range(job.pages):
            answer = session.get(f"{url}/{job.mirror}/{page}")
            time.sleep(1 / job.rate)
            if answer.status_code == httpx.codes.FORBIDDEN:
                session.adapt("bad", target=target, reason="403 from the site")
                break
            answer.raise_for_status()
        else:
            session.adapt()


def main() -> None:
    """Run one scraper on IPV6CONSOLE_SITE until SIGTERM, which gives its lease back."""
    parser = argparse.ArgumentParser(description="One scraper at work in the lab.")
    parser.add_argument("--number", type=int, default=0)
    number = parser.parse_args().number
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    work(number, os.environ["IPV6CONSOLE_SITE"])


if __name__ == "__main__":
    main()
