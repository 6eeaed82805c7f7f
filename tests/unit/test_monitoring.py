"""The rules and the board speak of metrics that exist, and the page lists all that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from service.supervision.metrics.catalogue import ALWAYS, METRICS
from service.supervision.metrics.reading import Metric
from service.supervision.metrics.reference import with_table
from service.supervision.metrics.scrape import scraped
from tests.support.service import configured
from workers.ledger.installation.heartbeats import OUTBOX, SCHEDULER, WORKER
from workers.ledger.installation.measures import Measures, Of
from workers.pipeline.states import STATES

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
MEASURES = Measures(
    deletions=dict.fromkeys(STATES, 1),
    oldest=dict.fromkeys(STATES, 1.0),
    begun=1, due=1, overdue=1, jobs=1, jobs_failed=1, queue_oldest=1.0, in_line=1, line_oldest=1.0,
    results_due=1, results_oldest=1.0,
    beats={WORKER: 1.0, SCHEDULER: 1.0, OUTBOX: 1.0},
    pauses=("operator",),
    budget_used=1, budget_held=1.0,
    ended={("api", "failed", "PermissionDenied"): 1},
    attempts={("result", "dead"): 1},
    requests={("GET", "organizations", "2xx"): 1},
    steps={("plan", "0.5"): 1, ("plan", "sum"): 400},
    silent_hosts=1, failing_targets=1, chain_seq=1, audit_pending=1,
    spools=1, spools_holding=1, spooled=1, spool_oldest=1.0,
    sources={"cw": Of(1.0, {"accepted": 1}, 1, 1, {"active": 1}, 1.0)},
)  # fmt: skip


@cache
def rules() -> tuple[dict[str, Any], ...]:
    groups = yaml.safe_load((MONITORING / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    return tuple(rule for group in groups for rule in group["rules"])


@cache
def scrape() -> dict[str, list[dict[str, str]]]:
    """The labels of every sample of a scrape in which there is something of everything."""
    cw = {**configured("redis://127.0.0.1:1/0").model_dump()["sources"]["cw"], "silence_days": 3}
    settings = configured("redis://127.0.0.1:1/0", sources={"cw": cw})
    text, _ = scraped(settings, MEASURES, "")
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def selected(expression: str) -> Iterator[tuple[str, list[Any]]]:
    """Each metric that an expression names, with what it asks of the labels."""
    promql_parser.parse(expression)
    for name, matchers in re.findall(r"\b(unglue_\w+|up\b)(?:\{([^}]*)\})?", expression):
        parsed: Any = promql_parser.parse(f"{name}{{{matchers}}}") if matchers else None
        yield name, parsed.matchers.matchers if parsed else []


def boards() -> Iterator[str]:
    board = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def samples_of(metric: Metric) -> tuple[str, ...]:
    if metric.kind != "histogram":
        return (metric.name,)
    return tuple(f"{metric.name}_{part}" for part in ("bucket", "count", "sum"))


def test_a_scrape_has_every_metric_of_the_catalogue() -> None:
    names = {name for metric in METRICS for name in samples_of(metric)}
    assert set(scrape()) == names | {name for name, *_ in ALWAYS}
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        for name in samples_of(metric):
            own = {*metric.labels, *(["le"] if name.endswith("_bucket") else [])}
            assert all(set(labels) == own for labels in scrape()[name])


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in rules()), *boards()])
def test_an_expression_speaks_of_samples_that_exist(expression: str) -> None:
    found = list(selected(expression))
    assert found
    for name, matchers in found:
        if name == "up":
            continue
        assert name in scrape(), f"{name} is no metric"
        for matcher in matchers:
            assert all(matcher.name in labels for labels in scrape()[name]), expression
            values = {labels[matcher.name] for labels in scrape()[name]}
            for value in matcher.value.split("|"):
                known = name == "unglue_itglue_requests_total" or value in values
                assert known, f"{name}: {matcher.name} is never {value}"


def test_labels_that_rules_speak_of_are_left_by_their_expressions() -> None:
    for rule in rules():
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            grouped = re.findall(r"\b(?:sum|max|min) by \(([^)]*)\)", rule["expr"])
            names = {name for name, _ in selected(rule["expr"])}
            own = {key for name in names & set(scrape()) for key in scrape()[name][0]}
            assert label in (grouped[0] if grouped else own | {"instance"}), rule["alert"]


def test_every_alert_has_its_runbook() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    assert {rule["alert"] for rule in rules()} - {"UnglueQueueStuck"} == sections.keys()
    for text in sections.values():
        assert re.findall(r"^- \*\*(\w+)\*\*", text, re.MULTILINE) == ["Means", "Look", "Do"]
    for rule in rules():
        where, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert where == "docs/runbooks.md"
        # A job that waits and a deletion that does have one cause.
        alert = rule["alert"].replace("QueueStuck", "Overdue")
        assert anchor == alert.lower()
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]


def test_the_page_lists_the_metrics_as_they_are() -> None:
    assert with_table(PAGE) == PAGE, "run: make metrics"


def test_the_prometheus_file_reads_the_rules_beside_it() -> None:
    read = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    assert [(MONITORING / name).is_file() for name in read["rule_files"]] == [True]
    assert read["scrape_configs"][0]["job_name"] == "unglue"


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on this machine")
def test_prometheus_itself_takes_the_rules() -> None:
    done = subprocess.run(  # noqa: S603 - a file of ours
        ["promtool", "check", "rules", str(MONITORING / "rules.yaml")],  # noqa: S607 - as installed
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout
