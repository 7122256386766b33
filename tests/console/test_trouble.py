"""What is not well, and what helps."""

from __future__ import annotations

from dataclasses import replace

from ipv6console.console.trouble import troubles
from ipv6console.wire.state import PrefixState
from ipv6console.wire.status import Level
from tests.console import lasting, scene


def test_a_calm_document_has_no_trouble() -> None:
    assert troubles(scene.calm()) == ()


def test_the_gravest_comes_first_and_every_trouble_names_a_fix_or_a_key() -> None:
    found = troubles(scene.broken())
    assert [item.level for item in found] == sorted((item.level for item in found), key=[Level.FAIL, Level.WARN].index)
    assert found[0].subject == "NDP eth0"
    assert all(item.fix or item.key for item in found)


def test_a_missing_privilege_is_shown_with_the_command_that_mends_it() -> None:
    full = scene.calm()
    found = troubles(replace(full, engine=replace(full.engine, findings=(scene.NO_PRIVILEGE,))))
    assert [(item.subject, item.fix) for item in found] == [("privilege", "sudo ipv6console net apply")]


def test_a_host_without_a_prefix_fails() -> None:
    assert troubles(scene.empty())[0].subject == "prefix"


def test_a_thing_the_engine_says_itself_is_not_said_twice() -> None:
    full = scene.broken()
    said = replace(scene.NO_PRIVILEGE, subject="ndp", text=full.ndp[0].text, level=Level.FAIL)
    found = troubles(replace(full, engine=replace(full.engine, findings=(said,))))
    assert sum(item.text == full.ndp[0].text for item in found) == 1


def test_a_draining_mirror_is_not_a_trouble() -> None:
    full = scene.calm()
    row = scene.mirror_row("archive", draining=True, level=Level.WARN, text="draining")
    assert troubles(replace(full, mirrors=(row,))) == ()


def test_a_mirror_that_starves_for_the_pool_s_sake_is_not_offered_to_be_flushed() -> None:
    assert [item.key for item in troubles(scene.state()) if item.subject.startswith("mirror")] == ["F"]
    assert [item.key for item in troubles(scene.broken()) if item.subject.startswith("mirror")] == ["w"]


def test_spawning_is_not_offered_where_no_address_could_work() -> None:
    full = scene.calm()
    short = replace(full, pool=replace(full.pool, level=Level.FAIL, text="nothing is handed out", idle=0))
    assert [item.key for item in troubles(short)] == ["s"]
    cut = replace(short, prefixes=(scene.prefix_row(route=Level.FAIL, text="eth0 has no carrier"),))
    assert {item.subject: item.key for item in troubles(cut)}["pool"] == "w"
    dark = replace(full.pool.check_urls[0], level=Level.FAIL, last_error="no answer")
    assert {item.key for item in troubles(replace(short, pool=replace(short.pool, check_urls=(dark,))))} == {"w"}


def test_a_prefix_that_drains_alone_is_the_trouble_and_spawning_no_way_out_of_it() -> None:
    full = scene.calm()
    alone = replace(full, prefixes=(scene.prefix_row(state=PrefixState.DRAINING),))
    found = troubles(replace(alone, pool=replace(full.pool, level=Level.FAIL, text="no active prefix")))
    assert [(item.subject, item.key) for item in found] == [(f"prefix {scene.PREFIX}", "4"), ("pool", "w")]


def test_what_is_wrong_with_several_mirrors_alike_is_said_once() -> None:
    ill = [scene.mirror_row(name, level=Level.FAIL, text="the pool is empty") for name in "abcdef"]
    other = scene.mirror_row("g", level=Level.WARN, text="starves")
    found = troubles(replace(scene.calm(), mirrors=(*ill, other)))
    assert [(item.subject, item.text) for item in found] == [
        ("mirrors a, b, c, d and 2 more", "the pool is empty"),
        ("mirror g", "starves"),
    ]


def test_what_is_wrong_with_subscribers_leads_to_their_screen() -> None:
    found = troubles(lasting.state(ipam=Level.FAIL, ipam_text="no answer for 3 m"))
    assert [(item.level, item.subject, item.key) for item in found] == [
        (Level.FAIL, "IPAM", "8"), (Level.WARN, "stuck", "8"), (Level.WARN, "leaks", "8"),
    ]  # fmt: skip
    assert found[0].text == "no answer for 3 m; 3 steps wait, the oldest for 42 s"
    assert found[2].fix == "ipv6console leaks"


def test_nothing_is_wrong_where_nobody_has_a_prefix() -> None:
    assert troubles(replace(scene.calm(), space=lasting.vacant(radius=Level.UNKNOWN))) == ()
