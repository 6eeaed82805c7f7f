"""How a sandbox behaves."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.sandbox.faults import Fault, parse_faults
from service.sandbox.seed import DEFAULT_SEED
from service.sandbox.shapes import Seed


class SandboxSettings(BaseModel):
    """Delays are in seconds, latency in milliseconds.

    `faults` takes what `parse_faults` takes: a list of texts (`["lag=30", "drop-after:1"]`) or a
    mapping (`{"lag": 30, "drop-after": {"count": 1}}`). `retry_after` is sent with every 429;
    without it a 429 says nothing, as nobody documents the header. Whether IT Glue lists archived
    records by default is not known, hence `lists_archived`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: Annotated[str, Field(min_length=1)] = "ITG.sandbox"
    requests_per_5_minutes: Annotated[int, Field(ge=1)] = 3000
    retry_after: Annotated[int, Field(ge=0)] | None = None
    removal_seconds: Annotated[float, Field(ge=0)] = 2.0
    export_seconds: Annotated[float, Field(ge=0)] = 2.0
    latency_ms: Annotated[float, Field(ge=0)] = 0.0
    lists_archived: bool = False
    seed: Seed = DEFAULT_SEED
    faults: Annotated[Mapping[str, Fault], BeforeValidator(parse_faults)] = Field(
        default_factory=dict
    )
