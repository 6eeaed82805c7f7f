"""`[sources.<name>]` with `vendor = "connectwise"`."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from adapters.contract import CatchingSource
from adapters.fields import folded
from adapters.models import PsaIntegration
from adapters.origin import secure_origin, split_url
from adapters.pointer import Pointer


def _host(value: str) -> str:
    try:
        origin, parts = split_url(f"https://{value}")
    except ValueError:
        origin, parts = "", None
    if parts is None or origin != f"https://{value.lower()}" or parts.port is not None:
        raise ValueError('must be a host name alone, like "na.myconnectwise.net"')
    return value.lower()


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
# Sent in a header, so nothing that a header cannot carry.
Key = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]
_CLOUD = ".myconnectwise.net"
Status = Annotated[StrictInt, Field(gt=0)] | Annotated[StrictStr, Field(min_length=1)]


class ConnectWisePointers(BaseModel, extra="forbid", frozen=True):
    """Where a callback keeps what is read. `/Entity` is the decoded entity."""

    client_id: Pointer = "/ID"
    name: Pointer = "/Entity/name"
    status: Pointer = "/Entity/status"


class ConnectWiseApi(BaseModel, extra="forbid", frozen=True):
    """The keys of an API member, and the client id of the integration (developer.connectwise.com).

    `base_url` is where the API is, by default the vendor's own host of the tenant's cloud.
    """

    public_key: Key
    private_key: Annotated[Key, Field(repr=False)]
    client_id: Key
    base_url: Annotated[str, AfterValidator(secure_origin)] | None = None


class ConnectWiseConfig(CatchingSource):
    """One ConnectWise tenant that sends company callbacks.

    `host` and `company` bind every callback to this tenant: they are `FromUrl` and `CompanyId` of
    its callbacks, the latter also the company of its log-in page. `inactive_statuses` holds names
    or record ids of company statuses. `own_member_ids` are the members whose own changes ask for
    nothing.
    """

    integration_type: ClassVar[PsaIntegration | None] = "manage"

    host: Annotated[str, AfterValidator(_host)]
    company: Name
    key_origin: Annotated[str, AfterValidator(secure_origin)]
    inactive_statuses: Annotated[tuple[Status, ...], Field(min_length=1)] = ("Inactive",)
    product_instance_id: Name | None = None
    own_member_ids: tuple[Name, ...] = ()
    pointers: ConnectWisePointers = ConnectWisePointers()
    api: ConnectWiseApi | None = None

    @model_validator(mode="before")
    @classmethod
    def _keys_are_kept_on_the_host(cls, data: Any) -> Any:  # noqa: ANN401 - raw input
        if isinstance(data, Mapping) and "host" in data and data.get("key_origin") is None:
            return {**data, "key_origin": f"https://{data['host']}"}
        return data

    @property
    def api_origin(self) -> str:
        """Where the API is: in the vendor's cloud `na…` has `api-na…`, others their own host."""
        if self.api is not None and self.api.base_url is not None:
            return self.api.base_url
        named = self.host.endswith(_CLOUD) and not self.host.startswith("api-")
        return f"https://{'api-' if named else ''}{self.host}"

    @cached_property
    def inactive_names(self) -> frozenset[str]:
        """The names among the inactive statuses, as they are compared."""
        return frozenset(
            folded(status) for status in self.inactive_statuses if isinstance(status, str)
        )

    @cached_property
    def inactive_ids(self) -> frozenset[str]:
        """The record ids among the inactive statuses."""
        return frozenset(
            str(status) for status in self.inactive_statuses if isinstance(status, int)
        )
