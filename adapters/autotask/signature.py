"""How a callout is proved genuine.

    X-Hook-Signature: sha1=base64( HMAC-SHA1( SecretKey, body ) )

Source: autotask.net/help/DeveloperHelp, "SecretKeyPayloadVerification"; NangoHQ/nango
`autotask-webhook-routing.ts` agrees, over the raw body.
"""

import base64
import hmac
import re
from collections.abc import Sequence

from adapters.errors import SignatureInvalid
from adapters.headers import Headers

HEADER = "x-hook-signature"
_FORM = re.compile(r"sha1=[A-Za-z0-9+/]{27}=")
# Far above any callout, and small enough that rewriting a forged body costs nothing.
_ESCAPED_LIMIT = 64 * 1024
_STRING = re.compile(r'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_ESCAPABLE = re.compile(r"\\.|[&<>'`+]|[^\x00-\x7f]", re.DOTALL)


def signature_of(body: bytes, secret: str) -> str:
    """The value of the header for this body."""
    return "sha1=" + base64.b64encode(hmac.digest(secret.encode(), body, "sha1")).decode()


def require_signature(headers: Headers, body: bytes, secrets: Sequence[str]) -> None:
    """Prove that somebody who knows one of the secrets sent this body.

    Autotask signs its JSON with `& < > ' " + backtick` and all non-ASCII characters escaped;
    msoukhomlinov/n8n-nodes-autotask (issue 6, `helpers/webhook/signature.ts`) could not verify
    otherwise. If something on the way undoes the escapes, the escaped form is what was signed. It
    is the same JSON value, so trying it as well proves the same. Raises SignatureInvalid: the
    header is missing, sent twice, malformed, or fits no secret.
    """
    sent = headers.one(HEADER)
    if not _FORM.fullmatch(sent):
        raise SignatureInvalid(f"{HEADER} is not sha1= and the base64 of 20 bytes")
    if not _fits(sent, body, secrets) and not _fits(sent, _escaped(body), secrets):
        raise SignatureInvalid(f"{HEADER} does not match the body")


def _fits(sent: str, body: bytes | None, secrets: Sequence[str]) -> bool:
    if body is None:
        return False
    return any(hmac.compare_digest(signature_of(body, secret), sent) for secret in secrets)


def _escaped(body: bytes) -> bytes | None:
    """The body as Autotask escapes it before signing, or `None` if that is the same."""
    if len(body) > _ESCAPED_LIMIT:
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    escaped = _STRING.sub(_string, text).encode()
    return None if escaped == body else escaped


def _string(match: re.Match[str]) -> str:
    return '"' + _ESCAPABLE.sub(_character, match[0][1:])


def _character(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] == "\\":
        return "\\u0022" if found == '\\"' else found
    units = found.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02X}{units[at + 1]:02X}" for at in range(0, len(units), 2))
