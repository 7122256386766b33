"""CoA and Disconnect, answered by a real FreeRADIUS and by one that does what that one does not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies
from pyrad.packet import CoAACK, CoANAK, CoAPacket, DisconnectACK

from ipv6console.config import RadiusSettings
from ipv6console.engine.external import InvalidSession, SessionRequest, Verdict
from ipv6console.integrations.radius import Radius, _Exchange
from tests.api.namespace import namespace
from tests.integrations.freeradius import SECRET, freeradius

pytestmark = [pytest.mark.anyio, pytest.mark.privileged]
NETWORK = int(IPv6Address("2001:db8:aa00::"))
BOB = SessionRequest(username="bob", nas_ip="192.0.2.1", network=NETWORK, length=56)


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A FreeRADIUS on 127.0.0.1 and ::1, port 3799, in a namespace that the tests are in, too."""
    with namespace(), freeradius(tmp_path_factory.mktemp("radius")) as file:
        yield file


def taken(file: Path) -> list[str]:
    """Return the requests that the FreeRADIUS took since this was asked last."""
    text = file.read_text().strip() if file.exists() else ""
    file.unlink(missing_ok=True)
    return text.split("\n\n")


@pytest.fixture
def given_settings(tmp_path: Path) -> RadiusSettings:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    # Long enough for a busy machine: nothing here waits for it when it is answered.
    return RadiusSettings(server="127.0.0.1", secret_file=str(file), timeout=10, retries=1)


@pytest.fixture
def hasty(given_settings: RadiusSettings) -> RadiusSettings:
    """For silence, which is what the time is waited for."""
    return replace(given_settings, timeout=0.2, retries=1)


@pytest.mark.parametrize("server", ["127.0.0.1", "[::1]"])
async def test_a_nas_that_agrees_acknowledges_over_both_families_and_reads_what_was_meant(
    server: str, requests: Path, given_settings: RadiusSettings
) -> None:
    taken(requests)
    radius = Radius(replace(given_settings, server=server))
    answer = await radius.change(BOB)
    assert (answer.verdict, answer.server, answer.cause) == (Verdict.ACK, f"{server}:3799", None)
    assert re.fullmatch(rf"CoA-ACK of {re.escape(server)}:3799 after \d+ ms", answer.text)
    answer = await radius.disconnect(replace(BOB, nas_ip="2001:db8::1"))
    assert (answer.verdict, answer.text.partition(" ")[0]) == (Verdict.ACK, "Disconnect-ACK")
    coa, disconnect = taken(requests)
    for line in ('User-Name = "bob"', "NAS-IP-Address = 192.0.2.1", "Delegated-IPv6-Prefix = 2001:db8:aa00::/56"):
        assert line in coa
    for line in ('User-Name = "bob"', "NAS-IPv6-Address = 2001:db8::1"):
        assert line in disconnect
    for text in (coa, disconnect):
        assert "Event-Timestamp = " in text
        assert "Message-Authenticator = 0x" in text
    assert "Delegated-IPv6-Prefix" not in disconnect


async def test_the_nas_of_each_request_is_asked_when_it_is_configured_so(
    requests: Path, given_settings: RadiusSettings
) -> None:
    radius = Radius(replace(given_settings, server="nas"))
    for nas, server in (("::1", "[::1]:3799"), ("127.0.0.1", "127.0.0.1:3799"), ("::ffff:127.0.0.1", "127.0.0.1:3799")):
        answer = await radius.disconnect(SessionRequest(username="bob", nas_ip=nas))
        assert (answer.verdict, answer.server) == (Verdict.ACK, server)
    with pytest.raises(InvalidSession, match="each request has to name the NAS") as caught:
        await radius.disconnect(SessionRequest(username="bob", nas_ip=None))
    assert "give nas_ip" in caught.value.next


@pytest.mark.parametrize("server", ["127.0.0.1", "[::1]"])
async def test_a_nas_that_refuses_says_why_by_name(server: str, requests: Path, given_settings: RadiusSettings) -> None:
    radius = Radius(replace(given_settings, server=server))
    for ask, name in ((radius.change, "CoA-NAK"), (radius.disconnect, "Disconnect-NAK")):
        answer = await ask(replace(BOB, username="ghost"))
        assert (answer.verdict, answer.cause) == (Verdict.NAK, "Session-Context-Not-Found")
        assert answer.text.startswith(name)
        assert answer.text.endswith(": Session-Context-Not-Found (no such session)")
        answer = await ask(replace(BOB, username="barred"))
        assert (answer.verdict, answer.cause) == (Verdict.NAK, None)
        assert answer.text.endswith(": without an Error-Cause")


async def test_silence_is_told_apart_and_says_what_it_may_come_from(
    requests: Path, hasty: RadiusSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("testing124")
    silent = [
        await Radius(hasty).change(replace(BOB, username="slow")),
        await Radius(replace(hasty, secret_file=str(wrong))).disconnect(BOB),
    ]
    monkeypatch.setattr(CoAPacket, "add_message_authenticator", lambda _: None)
    silent.append(await Radius(replace(hasty, server="[::1]")).change(BOB))
    for answer in silent:
        assert (answer.verdict, answer.cause) == (Verdict.SILENCE, None)
        assert "sent 2 times: its secret may be another, Message-Authenticator may be wanted otherwise" in answer.text
        assert 0.4 <= answer.took < 30
    assert "no answer to a Disconnect-Request from 127.0.0.1:3799 within" in silent[1].text


async def test_answers_without_message_authenticator_are_not_taken_when_one_is_required(
    requests: Path, hasty: RadiusSettings
) -> None:
    answer = await Radius(replace(hasty, require_message_authenticator=True)).change(BOB)
    assert answer.verdict is Verdict.SILENCE
    assert "without Message-Authenticator, which radius.require_message_authenticator asks for" in answer.text


async def test_a_port_that_nobody_listens_on_a_name_and_a_secret_that_are_not_there_are_told(
    requests: Path, hasty: RadiusSettings, tmp_path: Path
) -> None:
    for server, told in (
        ("127.0.0.1:9", "sent 2 times: Connection refused"),
        ("[::1]:9", "sent 2 times: Connection refused"),
        ("no-such-host.invalid", "no-such-host.invalid:3799 was not asked: "),
        ("[2001:db8:9::1]", "[2001:db8:9::1]:3799 was not asked: Network is unreachable"),
    ):
        answer = await Radius(replace(hasty, server=server)).change(BOB)
        assert answer.verdict is Verdict.SILENCE
        assert told in answer.text
    answer = await Radius(replace(hasty, secret_file=str(tmp_path / "gone"))).change(BOB)
    assert answer.verdict is Verdict.SILENCE
    assert "gone cannot be read: No such file or directory; make radius.secret_file" in answer.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"network": None}, "there is none"),
        ({"length": 48, "network": NETWORK + 1}, "has host bits set"),
        ({"length": 129}, "no prefix of IPv6"),
        ({"length": -1}, "no prefix of IPv6"),
        ({"length": 0, "network": 0}, "no prefix that a subscriber could have"),
        ({"network": 1 << 128}, "no prefix of IPv6"),
        ({"network": int(IPv6Address("fe80::")), "length": 64}, "no prefix that a subscriber could have"),
        ({"network": int(IPv6Address("ff02::")), "length": 64}, "no prefix that a subscriber could have"),
        ({"username": None}, "no session is named"),
        ({"username": ""}, "no session is named"),
        ({"username": "a\nb"}, "cannot be sent"),
        ({"username": "ä" * 127}, "cannot be sent"),
        ({"nas_ip": "nas1"}, "no address of a NAS"),
        ({"nas_ip": "::"}, "no address of one NAS"),
        ({"nas_ip": "fe80::1%eth0"}, "has a zone"),
    ],
)
async def test_what_radius_could_never_understand_is_refused_before_anything_is_sent(
    change: dict[str, Any], told: str, given_settings: RadiusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Exchange, "run", lambda *_: pytest.fail("it was sent"))
    with pytest.raises(InvalidSession, match=told) as caught:
        await Radius(given_settings).change(replace(BOB, **change))
    assert caught.value.next


@asynccontextmanager
async def nas(answer: Callable[[CoAPacket], list[bytes]]) -> AsyncIterator[str]:
    """A NAS on loopback that answers each request with the datagrams that `answer` makes."""

    class Listener(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            request = CoAPacket(secret=SECRET.encode(), dict=Radius(RadiusSettings(server="x"))._words, packet=data)
            assert request.VerifyCoARequest()
            assert request.verify_message_authenticator()
            for datagram in answer(request):
                self.transport.sendto(datagram, addr)  # type: ignore[attr-defined] # it is one for datagrams

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Listener, local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


def reply(request: CoAPacket, code: int, *, signed: bool = False, **attributes: Any) -> bytes:
    made = request.CreateReply(**attributes)
    made.code = code
    if signed:
        made.add_message_authenticator()
    return bytes(made.ReplyPacket())


async def test_a_signed_answer_is_taken_after_forged_ones_were_passed_over(given_settings: RadiusSettings) -> None:
    def answer(request: CoAPacket) -> list[bytes]:
        good = reply(request, CoAACK, signed=True)
        forged = bytearray(good)
        forged[4] ^= 1
        unsigned = reply(request, CoAACK)
        request.secret = b"another"
        return [b"", b"\x2c", bytes(forged), reply(request, CoAACK, signed=True), unsigned, good]

    async with nas(answer) as server:
        radius = Radius(replace(given_settings, server=server, require_message_authenticator=True))
        assert (await radius.change(BOB)).verdict is Verdict.ACK


async def test_an_answer_of_the_wrong_kind_or_secret_is_silence_that_says_so(hasty: RadiusSettings) -> None:
    async with nas(lambda request: [reply(request, DisconnectACK)]) as server:
        answer = await Radius(replace(hasty, server=server)).change(BOB)
    assert (answer.verdict, answer.text.partition(": ")[2]) == (
        Verdict.SILENCE,
        "a packet of code 41 came, which is no answer to it",
    )

    def other(request: CoAPacket) -> list[bytes]:
        request.secret = b"another"
        return [reply(request, CoAACK)]

    async with nas(other) as server:
        answer = await Radius(replace(hasty, server=server)).change(BOB)
    assert answer.text.endswith("an answer came that was made with another secret")


async def test_a_cause_without_a_name_is_told_by_its_number(given_settings: RadiusSettings) -> None:
    async with nas(lambda request: [reply(request, CoANAK, Error_Cause=777)]) as server:
        answer = await Radius(replace(given_settings, server=server)).change(BOB)
    assert (answer.verdict, answer.cause) == (Verdict.NAK, "777")


@settings(max_examples=200, deadline=None)
@given(strategies.binary(max_size=80), strategies.integers(0, 255))
def test_no_datagram_whatever_is_taken_for_an_answer(data: bytes, number: int) -> None:
    request = Radius(RadiusSettings(server="x"))._packet(43, SECRET, {"User-Name": "bob"})
    raw = request.RequestPacket()
    exchange = _Exchange("x", RadiusSettings())
    whole = bytes([44, request.id, 0, 20 + len(data)]) + raw[4:20] + data
    for datagram in (data, bytes([number]) + data, whole):
        assert exchange._fault(request, datagram)
