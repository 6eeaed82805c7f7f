"""The table of vendors. Adding one is its folder and its line here."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Final

from adapters.contract import Adapter

_ADAPTERS: Final = MappingProxyType(
    {
        "autotask": "Autotask",
        "cloudevents": "CloudEvents",
        "connectwise": "ConnectWise",
        "halopsa": "HaloPSA",
        "ninjaone": "NinjaOne",
        "standard": "Standard",
    }
)


class _Vendors(Mapping[str, Adapter]):
    """Each is loaded when it is first asked for: an installation has one or two of them."""

    def __getitem__(self, vendor: str) -> Adapter:
        return _loaded(vendor)

    def __iter__(self) -> Iterator[str]:
        return iter(_ADAPTERS)

    def __len__(self) -> int:
        return len(_ADAPTERS)


@cache
def _loaded(vendor: str) -> Adapter:
    name = _ADAPTERS[vendor]
    adapter: Adapter = getattr(import_module(f"adapters.{vendor}.adapter"), name)()
    return adapter


VENDORS: Final[Mapping[str, Adapter]] = _Vendors()
