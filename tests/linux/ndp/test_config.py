from __future__ import annotations

from pathlib import Path

from ipv6console.linux.ndp.config import render, rules_in, write
from ipv6console.pool.address import parse_address

RULES = ((parse_address("2001:db8:4f8:10::"), 64), (parse_address("2001:db8:0:1:ab00::"), 72))


def test_every_prefix_becomes_a_static_rule_of_its_length() -> None:
    assert render("up0", RULES).split("proxy up0 {")[1] == (
        "\n   router no\n   timeout 500\n   ttl 30000\n"
        "   rule 2001:db8:4f8:10::/64 {\n      static\n   }\n"
        "   rule 2001:db8:0:1:ab00::/72 {\n      static\n   }\n"
        "}\n"
    )


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ndppd-up0.conf"
    write(path, "up0", RULES)
    write(path, "up0", RULES[:1])

    assert path.read_text() == render("up0", RULES[:1])
    assert list(path.parent.iterdir()) == [path]


def test_the_rules_of_an_interface_are_those_in_its_blocks_alone() -> None:
    text = """
    proxy other0 { rule 2001:db8:1::/64 { static } }
    # proxy up0 { rule 2001:db8:2::/64 { static } }
    proxy "up0" { router no
      rule 2001:db8:3::/64 { auto } rule 2001:db8:4::1 { iface lan0 } rule 10.0.0.0/8 { static } }
    proxy up0 { rule 2001:db8:5::/64 {
    """
    assert [str(rule) for rule in rules_in(text, "up0")] == ["2001:db8:3::/64", "2001:db8:4::1/128", "2001:db8:5::/64"]
    assert rules_in(text, "up") == []
