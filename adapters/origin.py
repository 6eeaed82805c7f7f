"""Scheme, host and port of a URL, in the one form in which two of them can be compared."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}
# Nothing that one reader of a URL skips and another one keeps: blanks, controls, backslashes.
_PLAIN = re.compile(r"[!-\[\]-~]{1,2000}")


def split_url(url: str) -> tuple[str, SplitResult]:
    """The origin of a web address, like `https://host` or `http://host:8080`, and its parts.

    Raises ValueError: not an http(s) URL with a host, or one that carries a user or a fragment.
    """
    if not _PLAIN.fullmatch(url) or "#" in url:
        raise ValueError("must be a plain URL, without blanks and without a fragment")
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if parts.scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc:
        raise ValueError("must be an https URL with a host and without a user name")
    shown = f"[{host}]" if ":" in host else host
    ending = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{shown}{ending}", parts


def is_loopback(host: str) -> bool:
    """Whether the host can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secure_origin(value: str) -> str:
    """The origin of a URL to which secrets go: https or this machine, or raises ValueError."""
    origin, parts = split_url(value)
    if parts.path not in {"", "/"} or parts.query:
        raise ValueError('must have no path and no query, like "https://psa.example.com"')
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must be https; plain http is for rehearsals on a loopback host only")
    return origin
