"""What the file of an export holds: every member read, and which kinds of records they are of.

The form of an export is not documented. What is known of other exports of IT Glue is one table
(`passwords.csv`) or folder (`documents/`) a kind, and one table a flexible asset type under the
type's own name; so a member whose name says nothing may hold any kind.
"""

import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from workers.itglue.export.encrypted import opens
from workers.itglue.http.failures import ExportUnproved

_CHUNK: Final = 1024 * 1024
# Tables shrink twentyfold; what shrinks a hundredfold was made to fill a disk.
_RATIO, _ALWAYS = 100, 64 * 1024 * 1024
_MEMBERS: Final = 1_000_000
# The standard library decrypts in Python, at a few MB a second.
_DECRYPTED: Final = 32 * 1024 * 1024
_ENCRYPTED, _AES = 0x1, 99
_KIND_OF: Final = {
    "configurations": "configs",
    "passwords": "passwords",
    "contacts": "contacts",
    "locations": "locations",
    "domains": "domains",
    "checklists": "checklists",
    "documents": "documents",
    "flexibleassets": "assets",
}
# What every export may hold, whatever was counted; or what an export is that failed.
_NO_KIND: Final = frozenset(
    {
        "organization", "organizations", "logs", "activitylogs", "attachments", "readme",
        "manifest", "error", "errors", "failed", "failures", "index",
    }
)  # fmt: skip
# What is packed once more is not looked into, so it is no table of assets.
_PACKED: Final = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
# The rest is derived (expirations), structure (folders), or of other organizations.
_EXPECTED: Final = tuple(_KIND_OF.values())
# Every other export of IT Glue calls these tables so: one that calls one of them so calls all so.
_TABLES: Final = frozenset({"configs", "passwords", "contacts", "locations"})


@dataclass(frozen=True, slots=True)
class Archive:
    """Members that hold something: the `kinds` that their names tell, and how many tell none.

    `warnings` say what could not be looked into, `hollow` are kinds whose members hold nothing.
    """

    kinds: tuple[str, ...] = ()
    others: int = 0
    warnings: tuple[str, ...] = ()
    hollow: tuple[str, ...] = ()


def lacking(
    kinds: tuple[str, ...],
    others: int,
    counts: Mapping[str, int | None],
    hollow: tuple[str, ...] = (),
) -> list[str]:
    """The counted kinds for which an archive has no member: neither of that name nor a nameless.

    What has its own table, and nothing in it, is not in one that is nameless.
    """
    missing = [kind for kind in _EXPECTED if counts.get(kind) and kind not in kinds]
    if len(missing) > others:
        return missing
    own = {*hollow} if _TABLES.isdisjoint({*kinds, *hollow}) else {*hollow, *_TABLES}
    return [kind for kind in missing if kind in own]


def examine(path: Path, password: str | None) -> Archive:
    """Read every member of a zip file, in pieces. Raises ExportUnproved, OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _examined(archive, path.stat().st_size, password)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise ExportUnproved(f"its directory cannot be read: {error}") from error


def _examined(archive: zipfile.ZipFile, size: int, password: str | None) -> Archive:
    members = archive.infolist()
    if len(members) > _MEMBERS:
        raise ExportUnproved(f"it has more than {_MEMBERS} members")
    _require_a_password(members, password)
    left, decrypted = max(_ALWAYS, size * _RATIO), _DECRYPTED
    kinds: set[str] = set()
    named: set[str] = set()
    others = unread = filled = 0
    for member in members:
        if member.is_dir():
            continue
        encrypted = bool(member.flag_bits & _ENCRYPTED)
        aes = member.compress_type == _AES
        if encrypted and password and (aes or member.compress_size > decrypted):
            _sealed(archive, member, password)
            unread, something = unread + 1, member.file_size > 0
        else:
            decrypted -= member.compress_size if encrypted else 0
            read, something = _read(archive, member, password, left)
            left -= read
        kind = _kind(member.filename)
        named |= {kind} if kind else set()
        if not something:
            continue
        filled += 1
        match kind:
            case None:
                others += 1
            case "":
                pass
            case _:
                kinds.add(kind)
    if not filled:
        raise ExportUnproved("it is empty")
    warnings: tuple[str, ...] = ()
    if unread:
        said = "were not read here; that policy.export_zip_password opens them was checked"
        warnings = (f"{unread} encrypted members of the export {said}",)
    return Archive(tuple(sorted(kinds)), others, warnings, tuple(sorted(named - kinds)))


def _require_a_password(members: list[zipfile.ZipInfo], password: str | None) -> None:
    """What nobody here can open is no copy. Raises ExportUnproved."""
    if not password and any(member.flag_bits & _ENCRYPTED for member in members):
        raise ExportUnproved("it is encrypted, and no policy.export_zip_password is set")


def _sealed(archive: zipfile.ZipFile, member: zipfile.ZipInfo, password: str) -> None:
    """That a member lies where the directory says, and that the password opens it."""
    file, start = _place(archive, member)
    try:
        if member.compress_type == _AES:
            fits = opens(file, start, member, password)
        else:
            archive.open(member, pwd=password.encode()).close()
            fits = True
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        fits = False
    if not fits:
        raise ExportUnproved(
            f"its member {member.filename!r} is damaged, or policy.export_zip_password does not "
            "open it"
        )


def _place(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[IO[bytes], int]:
    """The file, and where in it a member's bytes begin. Raises ExportUnproved: not as listed."""
    file: IO[bytes] | None = archive.fp
    if file is None:
        raise ExportUnproved("it was closed")
    file.seek(member.header_offset)
    head = file.read(30)
    length = int.from_bytes(head[26:28], "little")
    name = file.read(length)
    start = member.header_offset + 30 + length + int.from_bytes(head[28:30], "little")
    coded = "utf-8" if member.flag_bits & 0x800 else "cp437"
    end = file.seek(0, 2)
    if (
        not head.startswith(b"PK\x03\x04")
        or name != member.orig_filename.encode(coded, "replace")
        or start + member.compress_size > end
    ):
        raise ExportUnproved(f"its member {member.filename!r} does not begin as it is listed")
    return file, start


def _read(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, password: str | None, left: int
) -> tuple[int, bool]:
    """How many bytes a member has, and whether they hold anything: of a table, more than a head."""
    named = f"its member {member.filename!r}"
    # The others are unpacked by the standard library without a bound.
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ExportUnproved(f"{named} is packed in a way that cannot be checked")
    read, something = 0, False
    past_head = not member.filename.lower().endswith((".csv", ".tsv"))
    try:
        with archive.open(member, pwd=password.encode() if password else None) as file:
            while chunk := file.read(_CHUNK):
                read += len(chunk)
                if read > left:
                    raise ExportUnproved(f"{named} unpacks to far more than it is packed in")
                if not past_head:
                    _, newline, chunk = chunk.partition(b"\n")
                    past_head = bool(newline)
                something = something or (past_head and bool(chunk.strip()))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ExportUnproved(f"{named} cannot be read: {error}") from error
    return read, something


def _kind(filename: str) -> str | None:
    """The kind that a name tells; "" for what is of no counted kind, `None` if it tells nothing."""
    for part in filename.lower().split("/"):
        word = re.sub(r"[^a-z]", "", part.rsplit(".", 1)[0])
        if word in _KIND_OF:
            return _KIND_OF[word]
        if word in _NO_KIND:
            return ""
    return "" if filename.lower().endswith(_PACKED) else None
