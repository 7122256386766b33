"""What a NetBox, and the way to it, do wrong now and then; the lab's does it on demand."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from ipv6console.engine.external import AllocationRequest, RegistryError, RegistryRefused, RegistryUnreachable
from ipv6console.lab.ipam import Ipam
from ipv6console.lab.ipamserver import Answer, IpamServer
from tests.integrations.conftest import FIELD, TAG, TOKEN, Netbox, prepared

pytestmark = pytest.mark.anyio
Wanted = Callable[..., AllocationRequest]


@pytest.fixture
async def parent(faulty: Netbox) -> int:
    return await faulty.parent()


async def test_an_answer_lost_after_the_commit_leaks_nothing(
    fake: IpamServer, faulty: Netbox, parent: int, wanted: Wanted
) -> None:
    registry = faulty.registry(parent, timeout=0.3)
    await registry.examine()
    asked = wanted()
    fake.switches.mute = 1
    with pytest.raises(RegistryUnreachable, match=r"did not answer within 0\.3 s"):
        await registry.allocate(asked, again=False)
    (row,) = await faulty.rows()
    patient = faulty.registry(parent)
    assert (await patient.allocate(asked, again=True)).id == row["id"]
    assert len(await faulty.rows()) == 1
    fake.switches.mute = 1
    made = await patient.find(asked.operation)
    assert made is not None
    with pytest.raises(RegistryUnreachable):
        await registry.release(made)
    assert await patient.release(made) is False


async def test_a_request_that_is_done_after_the_caller_gave_up_and_asked_again_leaks_nothing(
    fake: IpamServer, faulty: Netbox, parent: int, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = wanted()
    registry = faulty.registry(parent)
    cut = fake.ipam.cut
    monkeypatch.setattr(fake.ipam, "cut", lambda *request: (cut(*request), cut(*request))[1])
    made = await registry.allocate(asked, again=True)
    assert [(row["id"], row["prefix"]) for row in await faulty.rows()] == [(made.id, faulty.subnet(56))]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (500, "answered 500 Internal Server Error"),
        (502, "answered 502"),
        (503, "answered 503"),
        (429, "answered 429 Too Many Requests"),
        (301, r"answered 301 .* points to https://elsewhere\.example/\*\*\*"),
    ],
)
async def test_what_passes_by_itself_is_asked_again(
    status: int, told: str, fake: IpamServer, faulty: Netbox, wanted: Wanted
) -> None:
    parent = await faulty.parent()
    given, after = {429: ("9" * 400, 3_600.0), 503: ("7", 7.0)}.get(status, ("", None))
    registry = faulty.registry(parent)
    await registry.examine()
    fake.switches.set({"status": status, "fail": 1, "retry_after": given})
    asked = wanted()
    with pytest.raises(RegistryUnreachable, match=told) as caught:
        await registry.allocate(asked, again=False)
    assert caught.value.after == after
    assert caught.value.next
    assert (await registry.allocate(asked, again=True)).operation == asked.operation


@pytest.mark.parametrize("status", [403, 404, 405, 409])
async def test_other_refusals_are_told_with_what_netbox_says(
    status: int, fake: IpamServer, faulty: Netbox, parent: int, wanted: Wanted
) -> None:
    registry = faulty.registry(parent)
    made = await registry.allocate(wanted(), again=False)
    fake.switches.set({"status": status, "fail": -1})
    with pytest.raises(RegistryError, match=f"answered {status}" if status != 404 else "not in NetBox") as caught:
        await registry.mark(made, "active")
    assert caught.value.next


async def test_an_answer_that_is_no_json_or_no_prefix_is_no_answer(
    fake: IpamServer, faulty: Netbox, parent: int, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = faulty.registry(parent)
    await registry.allocate(wanted(), again=False)
    asked = wanted()
    fake.switches.garble = 1
    with pytest.raises(RegistryUnreachable, match="no JSON"):
        await registry.allocate(asked, again=False)
    assert len(await faulty.rows()) == 2
    monkeypatch.setattr(fake.ipam, "document", lambda row, _: {"id": row.id, "prefix": "nonsense"})
    with pytest.raises(RegistryUnreachable, match="no prefix"):
        await registry.allocate(asked, again=True)
    with pytest.raises(RegistryUnreachable, match="no prefix"):
        await faulty.registry(parent).allocate(asked, again=False)
    with pytest.raises(RegistryUnreachable, match="no prefix"):
        await registry.held()
    monkeypatch.setattr(fake.ipam, "page", lambda *_: ([], 5, 2, 0))
    with pytest.raises(RegistryUnreachable, match="changed while its prefixes were read"):
        await registry.find(asked.operation)


async def test_a_404_that_is_not_netboxs_own_does_not_pass_for_a_prefix_that_is_gone(
    fake: IpamServer, faulty: Netbox, parent: int, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = faulty.registry(parent)
    made = await registry.allocate(wanted(), again=False)
    for document in (None, "not found", {"error": "no route"}):
        with monkeypatch.context() as patch:
            answer = Answer(404, document)
            patch.setattr(fake, "_failure", lambda _, answer=answer: answer)
            fake.switches.fail = 1
            with pytest.raises(RegistryUnreachable, match="answered 404"):
                await registry.release(made)
    assert await registry.release(made) is True


async def test_a_prefix_that_is_changed_while_it_is_given_back_is_looked_at_again(
    fake: IpamServer, faulty: Netbox, parent: int, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = faulty.registry(parent)
    made = await registry.allocate(wanted(), again=False)
    remove = fake.ipam.remove
    changes = [1, 10]

    def meanwhile(number: int, match: str | None) -> None:
        changes[0] -= 1
        if changes[0] >= 0:
            fake.ipam.change(number, {"description": f"by hand {changes}"}, None)
        remove(number, match)

    monkeypatch.setattr(fake.ipam, "remove", meanwhile)
    assert await registry.release(made) is True
    made = await registry.allocate(wanted(), again=False)
    changes[0] = 10
    with pytest.raises(RegistryUnreachable, match="changed by others 3 times"):
        await registry.release(made)


async def test_one_prefix_at_the_same_time_by_plain_posts_is_made_twice_and_never_by_ours(
    fake: IpamServer, faulty: Netbox, wanted: Wanted
) -> None:
    fake.switches.race = 0.05
    answers = await asyncio.gather(
        *(faulty.admin.post("ipam/prefixes/", json={"prefix": faulty.subnet(56)}) for _ in range(4))
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    registry = faulty.registry(await faulty.parent(faulty.subnet(49, 1)))
    made = await asyncio.gather(*(registry.allocate(wanted(), again=False) for _ in range(8)))
    assert len({one.network for one in made}) == 8


@pytest.mark.parametrize("lost", ["field", "tag", "logic"])
async def test_a_field_or_tag_that_goes_while_the_engine_runs_is_told_as_such(
    lost: str, fake: IpamServer, faulty: Netbox, parent: int, wanted: Wanted
) -> None:
    registry = faulty.registry(parent)
    await registry.allocate(wanted(), again=False)
    if lost == "logic":
        fake.ipam.fields[FIELD] = "disabled"
        registry = faulty.registry(parent)
    else:
        (fake.ipam.fields if lost == "field" else fake.ipam.tags).clear()
        for row in fake.ipam.prefixes.values():
            row.tags.clear()
    told = {"field": f"no custom field {FIELD}", "tag": f"no tag {TAG}", "logic": "cannot? be looked for"}
    with pytest.raises(RegistryUnreachable, match=told[lost].replace("cannot? ", ".*")):
        await registry.allocate(wanted(), again=False)


async def test_several_prefixes_alike_are_not_guessed_at(fake: IpamServer, faulty: Netbox, wanted: Wanted) -> None:
    row = fake.ipam.add({"prefix": str(faulty.container)})
    other = fake.ipam.add({"prefix": str(faulty.container)})
    registry = faulty.registry(str(faulty.container))
    with pytest.raises(RegistryRefused, match=rf"several times \(ids {row.id}, {other.id}\)"):
        await registry.allocate(wanted(), again=False)
    fake.ipam.change(other.id, {"status": "container"}, None)
    assert (await registry.allocate(wanted(), again=False)).parent == other.id
    old = fake.ipam.add({"prefix": "10.0.0.0/8"})
    with pytest.raises(RegistryRefused, match=r"10\.0\.0\.0/8 .* is no IPv6 prefix"):
        await faulty.registry(old.id).allocate(wanted(), again=False)


async def test_a_server_that_is_not_there_or_a_token_that_cannot_be_read_is_told(
    faulty: Netbox, wanted: Wanted, tmp_path: Path
) -> None:
    with pytest.raises(RegistryUnreachable, match="was not reached: Connection refused") as caught:
        await faulty.registry(1, url="http://127.0.0.1:1").allocate(wanted(), again=False)
    assert "curl -v http://127.0.0.1:1/api/" in caught.value.next
    file = tmp_path / "bad"
    for text, told in (("", "holds nothing"), ("a\nb", "more than one line"), ("a b", "holds no token")):
        file.write_text(text)
        with pytest.raises(RegistryUnreachable, match=told):
            await faulty.registry(1, token_file=str(file)).held()
    with pytest.raises(RegistryUnreachable, match="cannot be read: Is a directory") as caught:
        await faulty.registry(1, token_file=str(tmp_path)).held()
    assert "netbox.token_file" in caught.value.next


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1, which nobody trusts yet, and its key."""
    key, both = tmp_path / "key.pem", tmp_path / "both.pem"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=netbox"
    done = subprocess.run(
        [*words.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    both.write_bytes(key.read_bytes() + done.stdout)
    return both


async def test_a_certificate_is_checked_against_the_authorities_of_ca_file(
    certificate: Path, tmp_path: Path, wanted: Wanted
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    token = f"nbt_{secrets.token_hex(6)}.{TOKEN}"
    server = IpamServer(Ipam(), token)
    async with server.listening() as plain, prepared(plain, token, tmp_path) as own:
        parent = await own.parent()
        async with server.listening(tls=tls) as url:
            trusting = own.registry(parent, url=url, ca_file=str(certificate))
            assert (await trusting.allocate(wanted(), again=False)).parent == parent
            with pytest.raises(RegistryUnreachable, match=r"was not reached: .*[Cc]ertificate"):
                await own.registry(parent, url=url).held()
    with pytest.raises(OSError, match=r"netbox\.ca_file: .*token: it holds no certificates in PEM form"):
        own.registry(ca_file=str(tmp_path / "token"))


def test_the_lab_runs_it_as_a_program_with_its_switches_on_a_socket(tmp_path: Path, own_home: Path) -> None:
    control, file = own_home / "ipam.sock", tmp_path / "token"
    file.write_text(TOKEN)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(control)), base_url="http://ipam") as switches:
        program = [sys.executable, "-W", "error", "-m", "ipv6console.lab.ipamserver", "--host", "127.0.0.1"]
        options = ["--port", "0", "--control", str(control), "--token-file", str(file), "2001:db8:a000::/36"]
        with subprocess.Popen([*program, *options], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                shown = {"Authorization": f"Token {TOKEN}"}
                rows = switches.get("/api/ipam/prefixes/", headers=shown).json()["results"]
                assert [(row["id"], row["prefix"]) for row in rows] == [(1, "2001:db8:a000::/36")]
                assert switches.post("/switches", json={"fail": 1, "status": 500}).json()["fail"] == 1
                assert switches.get("/api/ipam/prefixes/", headers=shown).status_code == 500
                assert switches.post("/switches", json={"nonsense": 1}).status_code == 400
                assert switches.post("/switches", json={"latency": "x"}).status_code == 400
                assert json.loads(switches.get("/switches").text)["requests"] == 2
            finally:
                process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
