"""What is believed of the file of an export."""

import hashlib
import hmac
import struct
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


def encrypted_with_aes(path: Path, password: str, strength: int = 3) -> Path:
    """An archive as others make it: nobody can tell its bytes from encrypted ones without AES."""
    key, salt = {1: (16, 8), 2: (24, 12), 3: (32, 16)}[strength]
    salted, secret = bytes(range(salt)), b"what AES made of id, name and password"
    made = hashlib.pbkdf2_hmac("sha1", password.encode(), salted, 1000, 2 * key + 2)
    seal = hmac.new(made[key : 2 * key], secret, "sha1").digest()[:10]
    info = zipfile.ZipInfo("passwords.csv")
    info.extra = struct.pack("<HHH", 0x5455, 1, 1)[:5] + struct.pack(
        "<HHH2sBH", 0x9901, 7, 2, b"AE", strength, 8
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, salted + made[2 * key :] + secret + seal)
    content = bytearray(path.read_bytes())
    # Flag and method of a member that is encrypted with AES, here and in the directory.
    for place in (6, content.index(b"PK\x01\x02") + 8):
        content[place] |= 1
        content[place + 2] = 99
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("strength", [1, 2, 3])
def test_what_aes_encrypted_is_whole_and_opens(tmp_path: Path, strength: int) -> None:
    path = encrypted_with_aes(tmp_path / "a.zip", "secret", strength)
    held = examine(path, "secret")
    assert held.kinds == ("passwords",)
    assert "1 encrypted members" in held.warnings[0]
    # It was made with a password of before, or of somebody else, or of nobody here.
    for password, why in (("another", "does not open"), (None, "no policy.export_zip_password")):
        with pytest.raises(ExportUnproved, match=why):
            examine(path, password)
    whole = path.read_bytes()
    start = whole.index(bytes(range(8)))
    for spot in (0, *range(start, whole.index(b"PK\x01\x02"))):
        path.write_bytes(whole[:spot] + bytes([whole[spot] ^ 1]) + whole[spot + 1 :])
        with pytest.raises(ExportUnproved):
            examine(path, "secret")


@pytest.mark.parametrize("name", ["export.zip", "Errors.txt", "index.html", "data/all.tar.gz"])
def test_what_is_packed_once_more_or_failed_holds_no_kind(tmp_path: Path, name: str) -> None:
    empty = b"PK\x05\x06" + bytes(18)
    held = examine(
        written(tmp_path / "a.zip", {"organizations.csv": b"id\n1\n", name: empty}), None
    )
    assert lacking(held.kinds, held.others, {"passwords": 20}, held.hollow) == ["passwords"]


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
