"""What lies in deploy/ fits the program, its schemas, and the times it takes to stop."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]

from service.cli import COMMANDS
from service.commands.serve import _GRACE_SECONDS
from workers.processes.queue import _JOB_SECONDS
from workers.settings import Settings, load_settings
from workers.settings.enforcement import require_enforceable

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PARTS = ("scheduler", "service", "worker")
KUBERNETES = "1.37"


def loaded(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def listed(folder: Path) -> Iterator[Path]:
    """What a kustomization brings together."""
    (customization,) = loaded(folder / "kustomization.yaml")
    for name in customization["resources"]:
        path = (folder / name).resolve()
        yield from listed(path) if path.is_dir() else [path]


EXAMPLE = list(listed(DEPLOY / "kubernetes" / "example"))
OBJECTS = [each for path in EXAMPLE for each in loaded(path)]
PODS: dict[str, dict[str, Any]] = {
    each["spec"]["template"]["metadata"]["labels"]["part"]: each["spec"]["template"]["spec"]
    for each in OBJECTS
    if "template" in each.get("spec", {})
}


def container(part: str) -> dict[str, Any]:
    (only,) = PODS[part]["containers"]
    assert isinstance(only, dict)
    return only


def environment(part: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(part).get("env", [])}


def compose() -> dict[str, Any]:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert isinstance(services, dict)
    return services


def require_settings(variables: Mapping[str, str]) -> None:
    for name in variables:
        table = name.removeprefix("UNGLUE_").removesuffix("_FILE").split("__")[0].lower()
        assert table in {"config", "url"} or table in Settings.model_fields, name


def test_every_manifest_belongs_to_a_kustomization() -> None:
    below = set((DEPLOY / "kubernetes").rglob("*.yaml"))
    kept = {each for each in below if each.name != "kustomization.yaml"}
    component = set(listed(DEPLOY / "kubernetes" / "keda"))
    assert kept == {*EXAMPLE, *component}


@pytest.mark.parametrize("it", OBJECTS, ids=lambda it: f"{it['kind']} {it['metadata']['name']}")
def test_kubernetes_takes_it(it: dict[str, Any]) -> None:
    kubernetes_validate.validate(it, KUBERNETES, strict=True)


def test_keda_takes_it() -> None:
    (crd,) = loaded(ROOT / "tests" / "fixtures" / "keda" / "scaledobjects.yaml")
    (version,) = [each for each in crd["spec"]["versions"] if each["name"] == "v1alpha1"]
    (scaled,) = loaded(DEPLOY / "kubernetes" / "keda" / "workers.yaml")
    jsonschema.validate(scaled, version["schema"]["openAPIV3Schema"])
    assert scaled["spec"]["scaleTargetRef"]["name"] in {
        each["metadata"]["name"] for each in OBJECTS if each["kind"] == "Deployment"
    }
    metrics = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    (trigger,) = scaled["spec"]["triggers"]
    named = re.findall(r"unglue_\w+", trigger["metadata"]["query"])
    assert named
    assert all(f"| `{name}` |" in metrics for name in named)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
def test_kustomize_brings_it_together() -> None:
    built = subprocess.run(  # noqa: S603 - our own files
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / "example")],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    objects = list(yaml.safe_load_all(built))
    for each in objects:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    # And the ConfigMap and the Secret, which it generates.
    assert len(objects) == len(OBJECTS) + 2
    assert "image: unglue\n" not in built


def test_each_part_is_there() -> None:
    assert PODS.keys() == {*PARTS, "valkey"}
    assert compose().keys() == {*PARTS, "valkey", "rehearsal", "prometheus"}


@pytest.mark.parametrize("part", PARTS)
def test_its_container_can_start(part: str) -> None:
    assert container(part)["args"][0] in COMMANDS
    require_settings(environment(part))
    volumes = {volume["name"] for volume in PODS[part]["volumes"]} | {"spool"}
    assert {mount["name"] for mount in container(part)["volumeMounts"]} <= volumes


def test_the_policy_is_the_same_everywhere() -> None:
    """A worker whose policy is not the one in force is granted no deletion."""

    def policy(variables: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in variables.items() if "_POLICY__" in name}

    (kubernetes,) = {tuple(policy(environment(part)).items()) for part in PARTS}
    assert kubernetes
    services = compose()
    assert len({tuple(policy(services[part]["environment"]).items()) for part in PARTS}) == 1
    units = list((DEPLOY / "systemd").glob("unglue-*.service"))
    assert len(units) == 3
    told = {tuple(re.findall(r"Environment=(UNGLUE_POLICY__\S+)", u.read_text())) for u in units}
    assert len(told) == 1


@pytest.mark.parametrize("part", [*PARTS, "valkey"])
def test_its_pod_may_do_nothing_that_it_need_not(part: str) -> None:
    pod, only = PODS[part], container(part)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert only["resources"].keys() == {"requests", "limits"}
    assert "livenessProbe" in only
    service = compose()[part]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"]


def test_no_stop_cuts_anything_short() -> None:
    grace = {part: pod["terminationGracePeriodSeconds"] for part, pod in PODS.items()}
    assert grace["worker"] > _JOB_SECONDS + 15
    assert grace["service"] > 5 + _GRACE_SECONDS + 6
    assert grace["scheduler"] > 15
    services = compose()
    seconds = {
        part: int(re.sub(r"\D", "", str(services[part]["stop_grace_period"]))) for part in PARTS
    }
    assert seconds["worker"] > _JOB_SECONDS + 15
    assert min(seconds.values()) > _GRACE_SECONDS + 6
    for unit in ("unglue.service", "unglue-worker@.service"):
        stop = re.search(r"TimeoutStopSec=(\d+)", (DEPLOY / "systemd" / unit).read_text())
        assert stop is not None
        assert int(stop[1]) > _JOB_SECONDS + 15


def test_compose_starts_what_there_is() -> None:
    for name, service in compose().items():
        if name in {"valkey", "prometheus"}:
            continue
        require_settings(service["environment"])
        assert name == "rehearsal" or service["command"][0] in COMMANDS


@pytest.mark.parametrize(
    "path", [DEPLOY / "unglue.example.toml", DEPLOY / "kubernetes" / "example" / "unglue.toml"]
)
def test_an_example_loads(path: Path) -> None:
    key = {"UNGLUE_ITGLUE__BASE_URL": "http://127.0.0.1:9100", "UNGLUE_ITGLUE__API_KEY": "ITG.x"}
    if "secret_keys" not in tomllib.loads(path.read_text(encoding="utf-8")):
        key["UNGLUE_SECRET_KEYS_FILE"] = str(path.parent / "secrets.example" / "secret_keys")
    settings = load_settings({"UNGLUE_CONFIG": str(path), **key})
    require_enforceable(settings)
    assert settings.policy.mode == "preview"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        there = unit.read_text().replace("/opt/unglue/bin/unglue", sys.executable)
        (tmp_path / unit.name).write_text(there)
    verified = subprocess.run(  # noqa: S603 - our own files
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="it gives files away")
def test_secrets_are_made_once_and_for_their_containers_alone(tmp_path: Path) -> None:
    for name in ("make-secrets.sh", "unglue.example.toml"):
        shutil.copy(DEPLOY / name, tmp_path)

    def make() -> dict[str, tuple[int, int, str]]:
        subprocess.run(  # noqa: S603 - our own file
            ["/bin/sh", str(tmp_path / "make-secrets.sh")],
            env={"PATH": os.environ["PATH"], "ITGLUE_API_KEY": "ITG.own"},
            capture_output=True,
            check=True,
        )
        paths = [tmp_path / "unglue.toml", *(tmp_path / "secrets").iterdir()]
        stats = {path.name: (path.stat(), path.read_text()) for path in paths}
        return {
            name: (stat.st_mode & 0o777, stat.st_uid, text) for name, (stat, text) in stats.items()
        }

    made = make()
    assert {mode for mode, _owner, _text in made.values()} == {0o400}
    assert made["itglue_api_key"][1:] == (10001, "ITG.own")
    assert made["valkey.conf"][1] == 999
    password = made["valkey.conf"][2].removeprefix("requirepass ")
    assert password in made["redis_url"][2]
    assert compose()["service"]["secrets"] == ["itglue_api_key", "redis_url", "secret_keys"]
    assert make() == made


def test_the_image_brings_uv_as_make_does() -> None:
    version = re.search(r"^UV_VERSION := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version is not None
    pinned = (DEPLOY / "image" / "uv.txt").read_text()
    assert pinned.startswith(f"uv=={version[1]} ")
    assert "--hash=sha256:" in pinned


def test_only_what_the_image_needs_is_sent_to_the_builder() -> None:
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert sent[1] == "*"
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)
    assert {f"!{name}" for line in copied for name in line.split()} == {
        line for line in sent if line.startswith("!")
    }
