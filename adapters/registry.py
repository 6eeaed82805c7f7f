"""The table of vendors. Adding one is its folder and its line here."""

from collections.abc import Mapping
from types import MappingProxyType

from adapters.autotask.adapter import Autotask
from adapters.cloudevents.adapter import CloudEvents
from adapters.connectwise.adapter import ConnectWise
from adapters.contract import Adapter
from adapters.halopsa.adapter import HaloPSA
from adapters.ninjaone.adapter import NinjaOne
from adapters.standard.adapter import Standard

_ADAPTERS: tuple[Adapter, ...] = (
    Autotask(),
    CloudEvents(),
    ConnectWise(),
    HaloPSA(),
    NinjaOne(),
    Standard(),
)
VENDORS: Mapping[str, Adapter] = MappingProxyType(
    {adapter.vendor: adapter for adapter in _ADAPTERS}
)
