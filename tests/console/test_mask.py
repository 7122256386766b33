"""No secret leaves the console in a file."""

from __future__ import annotations

import pytest

from ipv6console.console.mask import masked, masked_text

TOKEN = "ipv6c_k3Jx-91_aZQwErTyUiOpAsDfGhJkLzXcVbNm012345"


@pytest.mark.parametrize(
    "text",
    [
        f"the token {TOKEN} was shown",
        f"Authorization: Bearer {TOKEN}",
        "Authorization: Bearer abcdef123456==",
        "postgresql://ipv6:hunter22@db/pool",
        "https://user:hunter22@echo.example/ip",
        "https://echo.example/ip?api_key=hunter22",
        "password=hunter22",
        'client_secret: "hunter22"',
    ],
)
def test_secrets_in_text_are_masked(text: str) -> None:
    told = masked_text(text)
    assert "***" in told
    for secret in (TOKEN, "hunter22", "abcdef123456"):
        assert secret not in told


@pytest.mark.parametrize(
    "text",
    [
        "2001:db8:0:1::a0 is bad",
        "token grafana (read)",
        "/etc/ipv6console/token",
        "token_file=/etc/ipv6console/token",
        "https://echo.example/ip",
        "the token file /root/t cannot be read",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked_text(text) == text


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    assert masked_text("x hunter22y", ["hunter22"]) == "x ***y"


def test_values_with_the_name_of_a_secret_are_masked_whole() -> None:
    told = masked({"token": "abc", "db_password": "x", "token_file": "/etc/t", "port": 1, "deep": [{"secret": "s"}]})
    assert told == {
        "token": "***",
        "db_password": "***",
        "token_file": "/etc/t",
        "port": 1,
        "deep": [{"secret": "***"}],
    }


def test_nothing_is_hidden_where_there_is_nothing() -> None:
    assert masked({"token": "", "secret": None}) == {"token": "", "secret": None}
