"""The keys of the audit log, derived from `secret_keys`: none is used for two purposes."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

_SALT = b"unglue"
_SIGNS = b"audit log signature"


def derived(secret: str, label: bytes) -> bytes:
    """32 bytes for one purpose (HKDF with SHA-256, RFC 5869, one block)."""
    return hmac.digest(
        hmac.digest(_SALT, secret.encode(), "sha256"), label + b"\x01", hashlib.sha256
    )


@dataclass(frozen=True, slots=True)
class Key:
    """One signing key. `id` tells keys apart and reveals nothing of them."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: str) -> Self:
        """The key that comes of a secret."""
        key = derived(secret, _SIGNS)
        return cls(hmac.digest(key, b"key id", "sha256").hex()[:16], key)

    def sign(self, text: str) -> str:
        """HMAC-SHA256 in hex."""
        return hmac.digest(self.secret, text.encode(), "sha256").hex()

    def signed(self, text: str, signature: object) -> bool:
        """Whether this key made the signature."""
        return isinstance(signature, str) and hmac.compare_digest(
            self.sign(text).encode(), signature.encode(errors="replace")
        )


@dataclass(frozen=True, slots=True)
class Keyring:
    """The configured keys, newest first; the newest signs. Empty: the chain is only hashed."""

    keys: tuple[Key, ...] = ()

    @classmethod
    def of(cls, secrets: Sequence[str]) -> Self:
        """The keys of `secret_keys`."""
        return cls(tuple(Key.of(secret) for secret in secrets))

    @property
    def newest(self) -> Key | None:
        """The key that signs."""
        return self.keys[0] if self.keys else None

    def get(self, key_id: object) -> Key | None:
        """The key of this id."""
        return next((key for key in self.keys if key.id == key_id), None)
