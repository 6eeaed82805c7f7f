"""`[itglue]`: which account is read, and with what."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from adapters.models import HttpUrl
from adapters.origin import is_loopback
from workers.settings.section import Section

_REGIONS = {
    "us": "https://api.itglue.com",
    "eu": "https://api.eu.itglue.com",
    "au": "https://api.au.itglue.com",
}


class ITGlueSettings(Section):
    """`[itglue]`: the account, its key and its limits. `base_url` wins over `region`."""

    base_url: HttpUrl = _REGIONS["us"]
    region: Literal["us", "eu", "au"] | None = None
    api_key: Annotated[str, Field(min_length=1, repr=False)]
    requests_per_5_minutes: Annotated[int, Field(ge=50)] = 3000
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 30
    max_concurrent_requests: Annotated[int, Field(ge=1, le=200)] = 64

    @model_validator(mode="before")
    @classmethod
    def _region_names_the_host(cls, data: Any) -> Any:  # noqa: ANN401 - raw input
        if isinstance(data, Mapping) and data.get("region") in _REGIONS:
            return {"base_url": _REGIONS[data["region"]], **data}
        return data

    @field_validator("api_key")
    @classmethod
    def _key_can_be_sent(cls, key: str) -> str:
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("must be ASCII without blanks: it is sent in a header")
        return key

    @field_validator("base_url")
    @classmethod
    def _key_stays_secret(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError(
                "must be https: the API key would travel unencrypted; plain http is for a sandbox "
                "on a loopback host only"
            )
        return url
