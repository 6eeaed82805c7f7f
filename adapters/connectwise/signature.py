"""How a callback is proved genuine.

    signing_key = json(GET Metadata.key_url).signing_key
    x-content-signature = base64( HMAC-SHA256( SHA256(signing_key), raw body ) )

Source: ConnectWise Developer Guide, "Callbacks" (C# sample); NangoHQ/nango
`connectwise-psa-webhook-routing.ts`, amp-labs/connectors `providers/connectwise/internal/webhook`
and covenanttechnologysolutions/connectwise-rest `src/utils/Callback.ts` agree.

The key's address stands in the body that the key is to prove. It is used only if it lies where
this tenant's keys lie, or anybody could bring a key of his own.
"""

import base64
import hashlib
import hmac
import json
import re
from functools import lru_cache
from urllib.parse import parse_qsl

from adapters.connectwise.config import ConnectWiseConfig
from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from adapters.origin import split_url
from adapters.payload import Malformed, parse_once
from adapters.pointer import at

HEADER = "x-content-signature"
_FORM = re.compile(r"[A-Za-z0-9+/]{43}=")
_KEY_PATH = re.compile(r"(?:/{1,2}v[0-9][0-9A-Za-z_]{0,40})?/{1,2}system/callbackkey/index\.rails")
# A string ends at the next quote, which the next match begins after: linear on any bytes.
_RAW_KEY_URL = re.compile(rb'"key_url"[ \t\r\n]{0,20}:[ \t\r\n]{0,20}("(?:[^"\\]|\\.){1,3000}+")')


def presented(headers: Headers) -> str:
    """The signature that came with the request. Raises SignatureInvalid."""
    signature = headers.one(HEADER)
    if not _FORM.fullmatch(signature):
        raise SignatureInvalid(f"{HEADER} is not the base64 of 32 bytes")
    return signature


def find_key_url(body: bytes) -> str | None:
    """The key's address as the body gives it, even where the body is not the JSON we read.

    A genuine callback that we cannot read is kept as rejected, so its key must be found too.
    """
    try:
        url = at(parse_once(body), "/Metadata/key_url")
    except Malformed:
        found = {match[1] for match in _RAW_KEY_URL.finditer(body)}
        if len(found) != 1:
            return None
        try:
            url = json.loads(found.pop().decode())
        except ValueError:
            return None
    return url if isinstance(url, str) else None


def pinned(url: str, config: ConnectWiseConfig) -> str:
    """The URL, if it is where this tenant's signing keys are kept. Raises SignatureInvalid."""
    try:
        origin, path, companies = _read_key_url(url)
    except ValueError:
        raise SignatureInvalid("Metadata.key_url is not a plain https URL") from None
    if origin != config.key_origin:
        raise SignatureInvalid("Metadata.key_url is not on the key_origin of this source")
    if not _KEY_PATH.fullmatch(path):
        raise SignatureInvalid("Metadata.key_url is not the path of ConnectWise's signing keys")
    if companies != (config.company,):
        raise SignatureInvalid("Metadata.key_url is not of the company of this source")
    return url


# A tenant names few addresses, again and again.
@lru_cache(maxsize=64)
def _read_key_url(url: str) -> tuple[str, str, tuple[str, ...]]:
    """Its origin, its path, and the companies that it names. Raises ValueError: no plain URL."""
    origin, parts = split_url(url)
    query = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=10)
    if ";" in parts.query:
        # Some servers read it as an ampersand.
        return origin, parts.path, ()
    # The server may read names whatever their case, and either of two values.
    companies = tuple(value for name, value in query if name.lower() == "companyname")
    return origin, parts.path, companies


def signature_of(body: bytes, signing_key: str) -> str:
    """The value of the header for this body."""
    return base64.b64encode(hmac.digest(_digest(signing_key), body, "sha256")).decode()


@lru_cache(maxsize=8)
def _digest(signing_key: str) -> bytes:
    return hashlib.sha256(signing_key.encode(errors="surrogatepass")).digest()


def require_signature(body: bytes, signature: str, signing_key: str) -> None:
    """Compare in constant time, and as text: base64 has one spelling. Raises SignatureInvalid."""
    if not hmac.compare_digest(signature_of(body, signing_key), signature):
        raise SignatureInvalid(f"{HEADER} does not match the body")
