"""Bodies of requests about subscribers: the models clients of the older system know, and ours, with their bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ipv6console.api.parameter import TenantName
from ipv6console.api.subscriberparameter import NasAddress, Number, PrefixSize, SubscriberId, Username
from ipv6console.wire import subscriber as wire


class SubscriberBody(BaseModel):
    """A subscriber to make."""

    subscriber_id: SubscriberId
    assignment_mode: Annotated[
        Literal["none", "slaac", "stateful", "pd", "dual_stack"],
        Field(description="How addresses are assigned; prefixes are for pd and dual_stack."),
    ] = "pd"
    prefix_size: PrefixSize = 56
    tenant: Annotated[TenantName | None, Field(description="Whose it is; the token's tenant, or default, without.")] = (
        None
    )

    def request(self) -> wire.SubscriberRequest:
        """Return it as the engine takes it."""
        return wire.SubscriberRequest(
            subscriber_id=self.subscriber_id,
            assignment_mode=self.assignment_mode,
            prefix_size=self.prefix_size,
            tenant=self.tenant,
        )


class IPv6AllocationRequest(BaseModel):
    """A prefix to allocate; without a `prefix_size` it has the subscriber's own, which is 56 unless made otherwise."""

    prefix_size: PrefixSize = 56
    netbox_pool_id: Annotated[
        Number | None, Field(description="The prefix in NetBox to take it from; those of the settings without.")
    ] = None

    def request(self, own: int) -> wire.IPv6AllocationRequest:
        """Return it as the engine takes it; `own` is the subscriber's size."""
        size = self.prefix_size if "prefix_size" in self.model_fields_set else own
        return wire.IPv6AllocationRequest(prefix_size=size, netbox_pool_id=self.netbox_pool_id)


class IPv6ActivationRequest(BaseModel):
    """How to activate; with `send_coa` the prefix is active once RADIUS agreed."""

    username: Username | None = None
    nas_ip: NasAddress | None = None
    send_coa: Annotated[bool, Field(description="Tell the NAS by a CoA-Request (RFC 5176).")] = False

    def request(self) -> wire.IPv6ActivationRequest:
        """Return it as the engine takes it."""
        return wire.IPv6ActivationRequest(username=self.username, nas_ip=self.nas_ip, send_coa=self.send_coa)


class IPv6RevocationRequest(BaseModel):
    """How to revoke; with `send_disconnect` the session is ended first, with `release_to_netbox` the IPAM gets it back."""

    username: Username | None = None
    nas_ip: NasAddress | None = None
    send_disconnect: Annotated[bool, Field(description="End the session by a Disconnect-Request (RFC 5176).")] = False
    release_to_netbox: Annotated[bool, Field(description="Give the prefix back to the IPAM.")] = True

    def request(self) -> wire.IPv6RevocationRequest:
        """Return it as the engine takes it."""
        return wire.IPv6RevocationRequest(
            username=self.username,
            nas_ip=self.nas_ip,
            send_disconnect=self.send_disconnect,
            release_to_netbox=self.release_to_netbox,
        )


class OutboxCancelBody(BaseModel):
    """Why a step is not to be taken."""

    reason: Annotated[
        str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$", description="Why.")
    ]
