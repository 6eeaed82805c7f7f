"""Secrets in a file that everybody may read are said to be."""

from pathlib import Path

import pytest

from service.doctor.configuration import exposed

WRITTEN = """
redis_url = "redis://localhost"
secret_keys = ["k"]
[itglue]
api_key = "x"
[callback]
url = "https://example.com"
[notifications.ops]
url = "https://example.com/secret"
[operators.alice]
token_sha256 = "0"
[sources.cw.api]
private_key = "x"
"""


@pytest.mark.parametrize(
    ("text", "mode", "named"),
    [
        (WRITTEN, 0o644, "secret_keys, itglue.api_key, notifications.ops.url, sources.cw.api.priv"),
        (WRITTEN, 0o640, ""),
        ('[policy]\nmode = "preview"\n', 0o644, ""),
    ],
)
def test_what_the_doctor_says(tmp_path: Path, text: str, mode: int, named: str) -> None:
    path = tmp_path / "unglue.toml"
    path.write_text(text)
    path.chmod(mode)
    said = [each.message for each in exposed({"UNGLUE_CONFIG": str(path)})]
    assert len(said) == bool(named)
    assert all(named in message for message in said)


def test_there_need_be_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(exposed({})) == []
