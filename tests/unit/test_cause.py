from __future__ import annotations

import errno
import ssl

import pytest

from ipv6console.cause import cause


def _verification() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('::1', 1)"), "Connection refused"),
        (OSError(-2, "Name or service not known"), "Name or service not known"),
        (_verification(), "self-signed certificate"),
        (ssl.SSLError(1, "[SSL] record layer failure"), "[SSL] record layer failure"),
        (ValueError(), "outer"),
    ],
)
def test_what_the_kernel_or_tls_said_is_told_and_not_a_number_of_openssl_as_one_of_the_kernel(
    inner: Exception, told: str
) -> None:
    outer = RuntimeError("outer")
    outer.__cause__ = inner
    assert told in cause(outer)
