"""What an address space refuses; named as in the field, nothing has changed. `next` says what to do."""

from __future__ import annotations


class IpamError(Exception):
    """An operation that was not done."""

    def __init__(self, detail: str, *, next: str) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(detail)
        self.detail = detail
        self.next = next


class InvalidAddress(IpamError):
    """Text that is no address, or an address of the wrong family."""


class InvalidRange(IpamError):
    """First after last, two families in one range, or a range that overlaps another."""


class InvalidSubnet(IpamError):
    """A CIDR with host bits, or a length that does not exist or does not fit."""


class InvalidName(IpamError):
    """A name of a space, instance, id, resource or tag that is empty, too long, or has characters it may not have."""


class Incomplete(IpamError):
    """Something is left out that this needs: the user name of a session."""


class NotAvailable(IpamError):
    """The address asked for is outside every range, reserved, or resting after a release."""


class NotFound(IpamError):
    """A space, range, reservation or subscriber that is not there."""


class AlreadyAllocated(IpamError):
    """The address, or the (instance, id), is bound already to something else."""


class BindingNotFound(NotFound):
    """A binding that is not there."""


class PoolFull(IpamError):
    """No address or prefix is left in the ranges asked for."""


class InUse(IpamError):
    """A range or space that cannot go while addresses of it are bound or prefixes of it delegated."""


class IllegalTransition(IpamError):
    """A lifecycle step that its present state does not allow."""
