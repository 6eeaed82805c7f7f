"""The table of vendors. Adding one is its folder and its line here."""

from collections.abc import Mapping
from types import MappingProxyType

from adapters.connectwise.adapter import ConnectWise
from adapters.contract import Adapter

VENDORS: Mapping[str, Adapter] = MappingProxyType(
    {adapter.vendor: adapter for adapter in (ConnectWise(),)}
)
