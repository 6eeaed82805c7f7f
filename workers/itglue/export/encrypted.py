"""A member that is encrypted with AES: whether it is whole, and the password opens it.

The standard library cannot decrypt it, but what seals it is an HMAC over the encrypted bytes, under
a key that is made of the password (WinZip's AE-1 and AE-2, https://www.winzip.com/aes_info.htm).
"""

import hashlib
import hmac
import zipfile
from typing import IO, Final

_AES_FIELD: Final = 0x9901
# Bytes of key and of salt, by the strength that the extra field states.
_STRENGTHS: Final = {1: (16, 8), 2: (24, 12), 3: (32, 16)}
_ROUNDS: Final = 1000
_CHECK, _SEAL = 2, 10
_CHUNK: Final = 1024 * 1024


def opens(file: IO[bytes], start: int, member: zipfile.ZipInfo, password: str) -> bool:
    """Whether the password opens the member that begins at `start`, and no byte of it changed."""
    sizes = _STRENGTHS.get(_strength(member.extra))
    if sizes is None:
        return False
    key, salt = sizes
    left = member.compress_size - salt - _CHECK - _SEAL
    if left < 0:
        return False
    file.seek(start)
    salted = file.read(salt)
    made = hashlib.pbkdf2_hmac("sha1", password.encode(), salted, _ROUNDS, 2 * key + _CHECK)
    if not hmac.compare_digest(file.read(_CHECK), made[2 * key :]):
        return False
    seal = hmac.new(made[key : 2 * key], digestmod="sha1")
    while left and (chunk := file.read(min(left, _CHUNK))):
        seal.update(chunk)
        left -= len(chunk)
    return not left and hmac.compare_digest(file.read(_SEAL), seal.digest()[:_SEAL])


def _strength(extra: bytes) -> int:
    """What the member's extra field says of its key; 0 if it says nothing."""
    while len(extra) >= 4:
        kind, size = (int.from_bytes(extra[at : at + 2], "little") for at in (0, 2))
        if kind == _AES_FIELD and size >= 7 and len(extra) >= 4 + size:
            return extra[8]
        extra = extra[4 + size :]
    return 0
