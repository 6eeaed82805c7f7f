"""One scrape: the measures as Prometheus reads them. Pure, but for the version."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

from service.supervision.metrics.catalogue import ALWAYS, BUILD, METRICS, REDIS_UP
from service.supervision.metrics.reading import Seen
from workers.ledger.installation.measures import Measures
from workers.settings import Settings

_VERSION: Final = version("unglue")
_FAMILIES: Final[dict[str, Any]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


class _Scrape(Collector):
    """The families of one scrape. `None` measures: Redis did not answer."""

    def __init__(self, settings: Settings, measures: Measures | None) -> None:
        self._settings = settings
        self._measures = measures

    def collect(self) -> Iterator[Family]:
        values = {
            REDIS_UP: ((), float(self._measures is not None)),
            BUILD: ((_VERSION, self._settings.policy.mode), 1.0),
        }
        for name, _, meaning, labels in ALWAYS:
            family = GaugeMetricFamily(name, meaning, labels=labels)
            family.add_metric(*values[name])
            yield family
        if self._measures is None:
            return
        seen = Seen(self._measures, self._settings)
        for metric in METRICS:
            family = _FAMILIES[metric.kind](metric.name, metric.meaning, labels=metric.labels)
            for found, value in metric.read(seen):
                family.add_metric(found, *(value if isinstance(value, tuple) else (value,)))
            yield family


def scraped(settings: Settings, measures: Measures | None, accept: str) -> tuple[bytes, str]:
    """The text of a scrape and its content type, in the format that is asked for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(settings, measures))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
