"""No secret lies in the repository: detect-secrets, with a reason for all that it finds."""

import subprocess
from pathlib import Path
from typing import Any

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import get_settings, transient_settings

ROOT = Path(__file__).parents[2]
# What has a form that somebody gave out. Only this is looked for in tests and fixtures, which are
# full of throw-away secrets.
SURE = {"AWS Access Key", "GitHub Token", "Slack Token", "JSON Web Token", "Private Key"}
GUESSES = {"Secret Keyword", "Base64 High Entropy String", "Hex High Entropy String"}
LINE_FILTERS = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_indirect_reference",
)
PATHS = {
    "adapters/autotask/README.md": "placeholders of an example",
    "adapters/connectwise/README.md": "placeholders of an example",
    "adapters/standard/README.md": "placeholders of an example",
    "README.md": "placeholders of an example",
    "deploy/compose.yaml": "paths of secrets",
    "deploy/kubernetes/base/scheduler.yaml": "the name of a Secret",
    "deploy/kubernetes/base/service.yaml": "the name of a Secret",
    "deploy/kubernetes/base/valkey.yaml": "the name of a Secret",
    "deploy/kubernetes/base/worker.yaml": "the name of a Secret",
    "deploy/kubernetes/example/ingress.yaml": "the name of a Secret",
    "deploy/kubernetes/example/unglue.toml": "the sample's, refused for real accounts",
    "deploy/unglue.example.toml": "the sample's, refused for real accounts",
    "docs/configuration.md": "the sample's, refused for real accounts",
    "docs/cookbook.md": "placeholders of an example",
    "publishing/meanings.py": "texts about secrets",
    "service/demo/installation.py": "a template, filled with new secrets",
    "service/sandbox/psa/autotask.py": "what the sandbox asks for; everybody knows it",
    "service/sandbox/psa/connectwise.py": "what the sandbox asks for; everybody knows it",
    "workers/itglue/contents/inventory.py": "the name of a kind of record",
    "workers/itglue/export/archive.py": "the name of a kind of record",
    "workers/ledger/packed_1.txt": "words that records hold often; no value of anybody's",
    "workers/ledger/packed_2.txt": "words that records hold often; no value of anybody's",
    "workers/settings/secrecy.py": "the sample's, refused for real accounts",
    "tests/fixtures/redis/server.key": "of a server that tests start",
    "tests/fixtures/keyserver/keys.example.test.pem": "a host that does not exist; tests only",
}


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [each for each in listed if each != "uv.lock" and not each.endswith(".png")]


def found(paths: list[str], kinds: set[str], *unasked: str) -> list[str]:
    """Where secrets of these kinds are, if these filters of detect-secrets are not asked."""
    known: dict[str, type] = get_mapping_from_secret_type_to_class()
    secrets = SecretsCollection(root=str(ROOT))
    with transient_settings({"plugins_used": [{"name": known[kind].__name__} for kind in kinds]}):
        get_settings().disable_filters(*unasked)
        for path in paths:
            secrets.scan_file(path)
    return list(secrets.files)


def test_what_is_found_has_a_reason() -> None:
    known: dict[str, Any] = get_mapping_from_secret_type_to_class()
    forms = [form for kind in SURE for form in known[kind]().denylist]
    # It takes detect-secrets long to say that nothing of these forms is in a file, and by what each
    # line of a file without a secret would be excused.
    sure = [
        path
        for path in tracked()
        if any(form.search((ROOT / path).read_text(errors="replace")) for form in forms)
    ]
    ours = [path for path in tracked() if not path.startswith(("tests/", "benchmarks/"))]
    guesses = found(ours, GUESSES, *LINE_FILTERS)
    assert {*found(sure, SURE), *found(guesses, GUESSES)} == PATHS.keys()
