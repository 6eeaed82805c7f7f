"""What lies in deploy/ fits the program: commands, settings and the times it takes to stop."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from service.cli import COMMANDS
from service.commands.serve import _GRACE_SECONDS
from workers.processes.queue import _JOB_SECONDS
from workers.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def pods() -> list[dict[str, Any]]:
    documents = [doc for path in MANIFESTS for doc in yaml.safe_load_all(path.read_text())]
    return [doc["spec"]["template"]["spec"] for doc in documents if "template" in doc["spec"]]


PODS = {pod["containers"][0]["name"]: pod for pod in pods()}


def test_each_part_has_its_manifest() -> None:
    assert PODS.keys() == {"service", "worker", "scheduler"}


@pytest.mark.parametrize("part", PODS)
def test_its_container_can_start(part: str) -> None:
    (container,) = PODS[part]["containers"]
    assert container["args"][0] in COMMANDS
    for variable in container["env"]:
        table = variable["name"].removeprefix("UNGLUE_").removesuffix("_FILE").split("__")[0]
        assert table == "CONFIG" or table.lower() in Settings.model_fields
    volumes = {volume["name"] for volume in PODS[part]["volumes"]} | {"spool"}
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_no_stop_cuts_anything_short() -> None:
    grace = {part: pod["terminationGracePeriodSeconds"] for part, pod in PODS.items()}
    assert grace["worker"] > _JOB_SECONDS + 15
    assert grace["service"] > 5 + _GRACE_SECONDS + 6
    assert grace["scheduler"] > 15
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    seconds = {
        part: int(re.sub(r"\D", "", str(compose[part]["stop_grace_period"]))) for part in PODS
    }
    assert seconds["worker"] > _JOB_SECONDS + 15
    assert min(seconds.values()) > _GRACE_SECONDS + 6
