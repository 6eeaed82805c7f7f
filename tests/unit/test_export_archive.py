"""What is believed of the file of an export."""

import zipfile
from pathlib import Path

import pytest

from workers.itglue.export.archive import examine, lacking
from workers.itglue.http.failures import ExportUnproved


def written(path: Path, members: dict[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_names_tell_kinds_and_heads_are_no_records(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.zip",
        {
            "organizations.csv": b"id\n1\n",
            "passwords.csv": b"id,name\n1,a\n",
            "contacts.csv": b"id,name\n",
            "export/documents/7": b"<p>",
            "printers.csv": b"id\n4\n",
        },
    )
    held = examine(path, None)
    assert (held.kinds, held.others, held.warnings) == (("documents", "passwords"), 1, ())


@pytest.mark.parametrize("size", [0, 1])
def test_an_empty_file_is_none(tmp_path: Path, size: int) -> None:
    members = {"passwords.csv": b""} if size else {}
    with pytest.raises(ExportUnproved, match="empty"):
        examine(written(tmp_path / "a.zip", members), None)


def test_every_byte_of_a_member_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zip", {"notes": b"x" * 300}, zipfile.ZIP_STORED)
    whole = path.read_bytes()
    start = whole.index(b"xxx")
    for spot in range(start, start + 300):
        path.write_bytes(whole[:spot] + b"y" + whole[spot + 1 :])
        with pytest.raises(ExportUnproved, match="notes"):
            examine(path, None)


def test_what_unpacks_to_far_more_is_refused_in_pieces(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zip", {"bomb": bytes(80 * 1024 * 1024)})
    with pytest.raises(ExportUnproved, match="far more"):
        examine(path, None)


def test_what_is_unpacked_without_a_bound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportUnproved, match="cannot be checked"):
        examine(written(tmp_path / "a.zip", {"notes": b"x"}, zipfile.ZIP_LZMA), None)


def test_what_cannot_be_decrypted_must_lie_as_listed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zip", {"passwords.csv": b"id\n1\n"}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    listed = content.index(b"PK\x01\x02")
    # Flag and method of a member that is encrypted with AES, here and in the directory.
    for place in (6, listed + 8):
        content[place] |= 1
        content[place + 2] = 99
    path.write_bytes(content)
    held = examine(path, "secret")
    assert held.kinds == ("passwords",)
    assert "1 encrypted members" in held.warnings[0]
    content[0] ^= 1
    path.write_bytes(content)
    with pytest.raises(ExportUnproved):
        examine(path, "secret")


@pytest.mark.parametrize(
    ("kinds", "others", "missing"),
    [
        ((), 0, ["configs", "assets"]),
        (("configs",), 0, ["assets"]),
        (("configs",), 1, []),
        ((), 1, ["configs", "assets"]),
        ((), 2, []),
    ],
)
def test_each_kind_needs_a_member(kinds: tuple[str, ...], others: int, missing: list[str]) -> None:
    counts = {"configs": 3, "assets": 1, "passwords": 0, "domains": None, "expirations": 4}
    assert lacking(kinds, others, counts) == missing


@pytest.mark.parametrize("named", ["passwords.csv", "configurations.csv"])
def test_tables_of_assets_stand_for_no_passwords(tmp_path: Path, named: str) -> None:
    """It has the table and nothing in it, or not even that where it has the others."""
    members = {"printers.csv": b"id\n4\n", "lans.csv": b"id\n5\n", named: b"id\n"}
    held = examine(written(tmp_path / "a.zip", members), None)
    counts = {"passwords": 9, "assets": 2}
    assert lacking(held.kinds, held.others, counts, held.hollow) == ["passwords"]
