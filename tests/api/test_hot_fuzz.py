"""Requests nobody would write, said to both paths: whatever it is, they answer the same."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import pytest

from ipv6console.api.limits import LIMITS
from tests.api.test_hot import HOST, anonymous, paired, told

pytestmark = pytest.mark.anyio

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "300"))
METHODS = [b"GET"] * 6 + [b"POST"] * 6 + [b"HEAD", b"PUT", b"get", b"OPTIONS", b"G\x00T"]
PATHS = [
    b"/pick",
    b"/picks",
    b"/report",
    b"/reports",
    b"/pic%6b",
    b"/pick/",
    b"//pick",
    b"/pickle",
    b"*",
    b"/re",
    b"/pick;x",
]
NAMES = [b"dbname", b"num", b"ttl", b"holder", b"target", b"wait", b"Dbname", b"", b"dbname%20"]
VALUES = [
    b"task1", b"a", b"", b"1", b"0", b"-1", b"01", b"1e3", b"3.5", b"100", b"101", b"300", b"0.001", b"%41", b"%", b"%zz",
    b"%00", b"a+b", b"\xc3\xa9", b"\xff", b"..", b"a" * 64, b"a" * 65, b"nan", b"inf", b"1_0", b" 1", b"shop.example", b"[::1]",
]  # fmt: skip
BODIES = [
    b"", b"{}", b"null", b"[]", b'"x"', b"{", b"\xff", b'{"dbname":"task1"}', b'{"dbname":1,"report_info":{}}',
    b'{"dbname":"task1","report_info":{"addr":"2001:db8:0:1::9","status":"idle"}}',
    b'{"dbname":"task1","report_info":{"addr":"2001:db8:0:1::9","status":"bad","target":"shop.example","reason":"403"}}',
    b'{"dbname":"task1","report_info":{"addr":"fe80::1%eth0","status":"idle"},"report_info":null}',
    b'{"dbname":"task1","report_info":{"addr":"2001:db8:0:1::9","status":"using","lease":"x","more":1}}',
    b'{"report_infos":[]}', b'{"report_infos":[{"addr":"::1","status":"idle"}]}', b'{"dbname":"\\u0000","report_infos":[]}',
    b'{"dbname":"task1","report_infos":[{"addr":"2001:db8:0:1::9","status":"idle"},{"addr":"x","status":"y"}]}',
    b'{"dbname":NaN}', b'{"a":' * 30 + b"1" + b"}" * 30,
]  # fmt: skip
HEADERS = [
    b"Accept: */*", b"Content-Type: application/json", b"Content-Type: text/plain", b"content-type:application/json",
    b"Expect: 100-continue", b"Origin: http://localhost:1", b"Origin: null", b"Authorization: Bearer x", b"X: " + b"y" * 900,  b"Upgrade: h2c", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Te\x00st: 1", b"No colon",
    b"Sec-Fetch-Site: cross-site", b"X-Forwarded-For: 192.0.2.1",
]  # fmt: skip


def request(chance: random.Random) -> bytes:
    """Return one request, mostly nearly right, then now and then with a byte that is not."""
    method, body = chance.choice(METHODS), b""
    target = chance.choice(PATHS[: chance.choice((4, 4, len(PATHS)))])
    pairs = [chance.choice(NAMES) + b"=" + chance.choice(VALUES) for _ in range(chance.choice((0, 0, 1, 1, 2, 3)))]
    if pairs:
        target += b"?" + b"&".join(pairs)
    lines = [
        b" ".join((method, target, chance.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2"))))
    ]
    lines.append(HOST.strip() if chance.random() < 0.95 else b"Host: evil.example")
    if method == b"POST":
        body = chance.choice(BODIES)
        lines.append(b"Content-Type: application/json")
        lines.append(b"Content-Length: %d" % (len(body) if chance.random() < 0.95 else chance.randrange(200)))
    lines += chance.sample(HEADERS, chance.choice((0, 0, 1, 2)))
    text = b"\r\n".join((*lines, b"Connection: close", b"", body))
    if chance.random() < 0.1:
        # What comes later says that this is the end, and is left alone.
        place = chance.randrange(text.rindex(b"Connection: close"))
        text = text[:place] + bytes([chance.randrange(256)]) + text[place + 1 :]
    return text


async def test_whatever_is_said_both_paths_answer_the_same(tmp_path: Path) -> None:
    chance = random.Random(20)
    async with paired(tmp_path, replace(LIMITS, head_seconds=1.0, body_seconds=1.0)) as pair:
        for service in (pair.hot, pair.plain):
            await service.engine.mirror_stats("task1")
        for number in range(ROUNDS):
            said = request(chance)
            fast = await anyio.to_thread.run_sync(told, pair.hot, said)
            assert anonymous(fast) == anonymous(await anyio.to_thread.run_sync(told, pair.plain, said)), (number, said)
