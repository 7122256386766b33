"""What a NetBox does for the registry, and what it refuses: the contract, against the lab's and against a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

import pytest

from ipv6console.engine.external import (
    Allocation,
    AllocationRequest,
    RegistryExhausted,
    RegistryRefused,
    RegistryUnreachable,
)
from ipv6console.integrations import netbox as module
from tests.integrations.conftest import FIELD, TAG, TOKEN, Netbox

pytestmark = pytest.mark.anyio
Wanted = Callable[..., AllocationRequest]


def prefix(allocation: Allocation) -> str:
    return str(IPv6Network((allocation.network, allocation.length)))


async def test_a_prefix_is_cut_out_and_bears_operation_tag_status_and_whose_it_is(
    netbox: Netbox, wanted: Wanted
) -> None:
    parent = await netbox.parent()
    registry = netbox.registry(parent)
    asked = wanted()
    made = await registry.allocate(asked, again=False)
    assert made == Allocation(
        id=made.id,
        network=int(netbox.container.network_address),
        length=56,
        parent=parent,
        operation=asked.operation,
        tenant="north",
        subscriber="sub of 1",
        status="reserved",
    )
    row = await netbox.api("GET", f"ipam/prefixes/{made.id}/")
    assert (row["prefix"], row["status"]["value"]) == (prefix(made), "reserved")
    assert (row["custom_fields"][FIELD], [tag["slug"] for tag in row["tags"]]) == (asked.operation, [TAG])
    assert row["description"] == "subscriber sub of 1 of tenant north"
    assert await registry.find(asked.operation) == replace(made, parent=None)
    assert replace(made, parent=None) in await registry.held()


async def test_an_operation_that_is_asked_again_gets_what_it_has_got(netbox: Netbox, wanted: Wanted) -> None:
    registry = netbox.registry(await netbox.parent())
    asked = wanted()
    assert await registry.find(asked.operation) is None
    first = await registry.allocate(asked, again=True)
    assert await registry.allocate(asked, again=True) == replace(first, parent=None)
    assert len(await netbox.rows()) == 1


async def test_forty_eight_at_the_same_time_get_prefixes_of_their_own(netbox: Netbox, wanted: Wanted) -> None:
    registry = netbox.registry(await netbox.parent())
    made = await asyncio.gather(*(registry.allocate(wanted(), again=False) for _ in range(48)))
    assert len({prefix(one) for one in made}) == len({one.id for one in made}) == 48


async def test_a_full_parent_gives_way_to_the_next_and_all_full_is_exhausted(netbox: Netbox, wanted: Wanted) -> None:
    first, second = await netbox.parent(netbox.subnet(63, 0)), await netbox.parent(netbox.subnet(63, 1))
    registry = netbox.registry(first, second)
    made = [await registry.allocate(wanted(64), again=False) for _ in range(4)]
    assert [one.parent for one in made] == [first, first, second, second]
    with pytest.raises(RegistryExhausted, match=rf"no /64 is free in .*\(id {first}\), .*\(id {second}\)") as caught:
        await registry.allocate(wanted(64), again=False)
    assert "netbox.parents" in caught.value.next
    with pytest.raises(RegistryExhausted):
        await registry.allocate(wanted(64, parent=first), again=False)


async def test_the_emptiest_parent_is_taken_first_when_that_is_configured(netbox: Netbox, wanted: Wanted) -> None:
    first, second = await netbox.parent(netbox.subnet(60, 0)), await netbox.parent(netbox.subnet(60, 1))
    registry = netbox.registry(first, second, choice="most-free")
    made = [await registry.allocate(wanted(62), again=False) for _ in range(3)]
    assert [one.parent for one in made] == [first, second, first]


async def test_a_parent_may_be_named_by_its_prefix_and_made_anew(netbox: Netbox, wanted: Wanted) -> None:
    parent = await netbox.parent()
    registry = netbox.registry(str(netbox.container))
    assert (await registry.allocate(wanted(), again=False)).parent == parent
    await netbox.api("DELETE", f"ipam/prefixes/{parent}/")
    parent = await netbox.parent()
    assert (await registry.allocate(wanted(), again=False)).parent == parent


async def test_a_parent_that_is_gone_gives_way_to_the_next(netbox: Netbox, wanted: Wanted) -> None:
    first, second = await netbox.parent(netbox.subnet(56, 0)), await netbox.parent(netbox.subnet(56, 1))
    registry = netbox.registry(first, second)
    await registry.allocate(wanted(64), again=False)
    await netbox.api("DELETE", f"ipam/prefixes/{first}/")
    assert (await registry.allocate(wanted(64), again=False)).parent == second
    await netbox.api("DELETE", f"ipam/prefixes/{second}/")
    with pytest.raises(RegistryRefused, match=f"NetBox has no prefix with id {first}; NetBox has .* id {second}"):
        await registry.allocate(wanted(64), again=False)


async def test_parents_that_can_never_serve_are_refused_by_name(netbox: Netbox, wanted: Wanted) -> None:
    parent = await netbox.parent(netbox.subnet(56))
    for parents, told in (
        ([], "no parent is configured"),
        ([parent], rf"\(id {parent}\) is no shorter than /56"),
        ([2_000_000_000], "NetBox has no prefix with id 2000000000"),
        ([str(netbox.container)], f"NetBox has no prefix {netbox.container}"),
    ):
        with pytest.raises(RegistryRefused, match=told):
            await netbox.registry(*parents).allocate(wanted(), again=False)
    assert await netbox.rows() == await netbox.rows(id=parent)


async def test_a_prefix_is_given_back_once(netbox: Netbox, wanted: Wanted) -> None:
    registry = netbox.registry(await netbox.parent())
    made = await registry.allocate(wanted(), again=False)
    assert await registry.release(made) is True
    assert await registry.release(made) is False
    assert await netbox.rows() == []
    with pytest.raises(RegistryRefused, match="not in NetBox any more"):
        await registry.mark(made, "active")


async def test_a_prefix_that_is_somebody_elses_now_is_neither_given_back_nor_marked(
    netbox: Netbox, wanted: Wanted
) -> None:
    registry = netbox.registry(await netbox.parent())
    made = await registry.allocate(wanted(), again=False)
    await netbox.api("PATCH", f"ipam/prefixes/{made.id}/", json={"custom_fields": {FIELD: "theirs"}})
    with pytest.raises(RegistryRefused, match=r"operation theirs, not .* somebody else's"):
        await registry.release(made)
    with pytest.raises(RegistryRefused, match="somebody else's"):
        await registry.mark(made, "active")
    moved = {"prefix": netbox.subnet(56, 9), "custom_fields": {FIELD: made.operation}}
    await netbox.api("PATCH", f"ipam/prefixes/{made.id}/", json=moved)
    with pytest.raises(RegistryRefused, match="somebody else's"):
        await registry.release(made)
    assert [row["status"]["value"] for row in await netbox.rows()] == ["reserved"]


async def test_a_prefix_is_marked(netbox: Netbox, wanted: Wanted) -> None:
    registry = netbox.registry(await netbox.parent())
    made = await registry.allocate(wanted(), again=False)
    for status in ("active", "deprecated", "deprecated", "reserved"):
        await registry.mark(made, status)
        assert [row["status"]["value"] for row in await netbox.rows()] == [status]
    with pytest.raises(RegistryRefused, match=r"400 .*status: .*not a valid choice"):
        await registry.mark(made, "nonsense")


async def test_what_is_held_is_read_page_by_page_and_parents_with_our_tag_are_left_out(
    netbox: Netbox, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await netbox.parent()
    await netbox.api("PATCH", f"ipam/prefixes/{parent}/", json={"tags": [{"slug": TAG}]})
    registry = netbox.registry(parent)
    made = [await registry.allocate(wanted(), again=False) for _ in range(5)]
    await netbox.api("POST", "ipam/prefixes/", json={"prefix": netbox.subnet(64, 65_535)})
    monkeypatch.setattr(module, "_PAGE", 2)
    held = await registry.held()
    inside = [one for one in held if IPv6Address(one.network) in netbox.container]
    assert sorted(one.id for one in inside) == sorted(one.id for one in made)


async def test_a_missing_field_or_tag_is_told_with_what_to_create(netbox: Netbox, wanted: Wanted) -> None:
    parent = await netbox.parent()
    with pytest.raises(RegistryUnreachable, match="no custom field gone_field") as caught:
        await netbox.registry(parent, operation_field="gone_field").allocate(wanted(), again=False)
    assert "name gone_field, type Text, object type IPAM > Prefix" in caught.value.next
    with pytest.raises(RegistryUnreachable, match="no tag gone-tag") as caught:
        await netbox.registry(parent, tag="gone-tag").held()
    assert "slug gone-tag" in caught.value.next
    assert await netbox.rows() == []


async def test_a_wrong_token_is_no_verdict_on_the_request_and_is_never_shown(
    netbox: Netbox, wanted: Wanted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parent = await netbox.parent()
    caplog.set_level("DEBUG")
    file = tmp_path / "other"
    for wrong in (TOKEN[::-1], f"nbt_{TOKEN[:12]}.{TOKEN}"):
        file.write_text(wrong)
        with pytest.raises(RegistryUnreachable, match=r"answered 40[13]") as caught:
            await netbox.registry(parent, token_file=str(file)).allocate(wanted(), again=False)
        assert str(file) in caught.value.next
        assert wrong not in caplog.text + caught.value.detail + caught.value.next


async def test_netbox_itself_answers_as_it_was_observed_to(netbox: Netbox) -> None:
    parent = await netbox.parent()
    cut = f"ipam/prefixes/{parent}/available-prefixes/"
    api = netbox.api
    missing = [{"prefix_length": "this field can not be missing"}]
    assert await api("POST", cut, 400, json={}) == missing
    assert isinstance(await api("POST", cut, 400, json={"prefix_length": 56, "status": "nonsense"}), dict)
    assert "tags" in await api("POST", cut, 400, json={"prefix_length": 56, "tags": [TAG]})
    assert "tags" in await api("POST", cut, 400, json={"prefix_length": 56, "tags": [{"slug": "gone"}]})
    assert "description" in await api("POST", cut, 400, json={"prefix_length": 56, "description": "x" * 201})
    unknown = await api("POST", cut, 400, json={"prefix_length": 56, "custom_fields": {"gone": "x"}})
    assert "gone" in str(unknown)
    full = {"detail": "Insufficient resources are available to satisfy the request"}
    for length in (48, 40):
        assert await api("POST", cut, 409, json={"prefix_length": length}) == full
    assert await api("POST", cut, 409, json=[{"prefix_length": 49}] * 3) == full
    assert await netbox.rows() == []
    both = await api("POST", cut, 201, json=[{"prefix_length": 64}, {"prefix_length": 64}])
    assert [row["prefix"] for row in both] == [netbox.subnet(64, 0), netbox.subnet(64, 1)]
    assert (both[0]["status"]["value"], both[0]["family"]["value"]) == ("active", 6)
    free = await api("GET", cut, 200)
    assert free[0]["prefix"] == netbox.subnet(63, 1)
    await api("POST", "ipam/prefixes/2000000000/available-prefixes/", 404, json={"prefix_length": 56})
    await api("GET", "ipam/prefixes/", 400, params={"tag": "no-such-tag"})
    told = await api("POST", "ipam/prefixes/", 400, json={"prefix": netbox.subnet(64)})
    assert "Duplicate prefix found in global table" in str(told)
    await api("POST", "ipam/prefixes/", 400, json={"prefix": "2001:db8::1/64"})
    path = f"ipam/prefixes/{both[0]['id']}/"
    stale = (await netbox.admin.get(path)).headers["etag"]
    assert stale.startswith("W/")
    await api("PATCH", path, 200, json={"status": "active", "description": "changed"})
    await api("PATCH", path, 412, json={"status": "reserved"}, headers={"If-Match": stale})
    await api("DELETE", path, 412, headers={"If-Match": stale})
    await api("DELETE", path, 204)
    await api("DELETE", path, 404)
    await api("DELETE", f"ipam/prefixes/{parent}/", 204)
    assert [row["id"] for row in await netbox.rows()] == [both[1]["id"]]
