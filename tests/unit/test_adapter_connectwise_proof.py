"""ConnectWise callbacks: how they are proved, where their key may lie, and the configuration."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.errors import SignatureInvalid
from adapters.headers import Headers
from tests.unit.test_adapter_connectwise import ADAPTER, NOW, WIRE, config

KEY_URL = (
    "https://na.myconnectwise.net/v2025_1//system/callbackkey/index.rails?companyName=Cobalt&id=1"
)
SIGNED = Headers.of({"X-Content-Signature": "jj7v1ZHmDdDIYIXr1fVaE4sO1Uo86Dpbtp95DTqN0Ww="})


class TestSignature:
    def test_the_vector_is_accepted(self) -> None:
        ADAPTER.verify(config(), SIGNED, WIRE, "test-signing-key", NOW)

    @pytest.mark.parametrize(
        "signature",
        [
            "hxn/1nELXZSWaLSdKypzlgKjko2kKcSWsaFkrlkJU8U=",  # the key itself instead of its SHA-256
            "jj7v1ZHmDdDIYIXr1fVaE4sO1Uo86Dpbtp95DTqN0Wx=",  # other spare bits, the same bytes
            "jj7v1ZHmDdDIYIXr1fVaE4sO1Uo86Dpbtp95DTqN0Ww",
            "jj7v1ZHmDdDIYIXr1fVaE4sO1Uo86Dpbtp95DTqN0Ww= ",
            "sha256=jj7v1ZHmDdDIYIXr1fVaE4sO1Uo86Dpbtp95DTqN0Ww=",
            "8e3eefd591e60dd0c8608" + "5ebd5f55a138b0ed54a3ce83a5bb69f790d3a8dd16c",
            "",
            "ü" * 44,
        ],
    )
    def test_anything_else_is_refused(self, signature: str) -> None:
        headers = Headers.of({"x-content-signature": signature})
        with pytest.raises(SignatureInvalid):
            ADAPTER.verify(config(), headers, WIRE, "test-signing-key", NOW)

    @pytest.mark.parametrize("key", ["test-signing-key2", "", None])
    def test_only_the_right_key_fits(self, key: str | None) -> None:
        with pytest.raises(SignatureInvalid):
            ADAPTER.verify(config(), SIGNED, WIRE, key, NOW)

    def test_a_signature_is_demanded_before_the_body_is_looked_at(self) -> None:
        for headers in (Headers(()), Headers(SIGNED.items * 2)):
            with pytest.raises(SignatureInvalid, match="x-content-signature"):
                ADAPTER.key_url(config(), headers, WIRE)

    def test_signing_needs_the_key(self) -> None:
        with pytest.raises(ValueError, match="key_url"):
            ADAPTER.sign(config(), WIRE, None, "1", NOW)


class TestKeyUrl:
    def url_of(self, body: bytes, **changes: Any) -> str | None:
        return ADAPTER.key_url(config(**changes), SIGNED, body)

    def body(self, url: str) -> bytes:
        return json.dumps({"Metadata": {"key_url": url}}).encode()

    @pytest.mark.parametrize(
        "url",
        [
            KEY_URL,
            "https://NA.myconnectwise.net:443/system/callbackkey/index.rails?companyName=Cobalt",
            "https://na.myconnectwise.net/v4_6_release/system/callbackkey/index.rails?id=1&companyName=Cobalt",
            "https://na.myconnectwise.net//v2025_1//system/callbackkey/index.rails?companyName=%43obalt",
        ],
    )
    def test_the_tenants_own_is_used_as_sent(self, url: str) -> None:
        assert self.url_of(self.body(url)) == url

    @pytest.mark.parametrize(
        "url",
        [
            KEY_URL.replace("https", "http"),
            KEY_URL.replace("https", "file"),
            KEY_URL.replace("na.", "eu."),
            KEY_URL.replace("na.", "evil."),
            KEY_URL.replace("na.myconnectwise.net", "na.myconnectwise.net.evil.test"),
            KEY_URL.replace("na.myconnectwise.net", "na.myconnectwise.net:8443"),
            KEY_URL.replace("na.myconnectwise.net", "na.myconnectwise.net:99999"),
            KEY_URL.replace("na.myconnectwise.net", "na.myconnectwise.net@evil.test"),
            KEY_URL.replace("na.myconnectwise.net", "user:word@na.myconnectwise.net"),
            KEY_URL.replace("na.myconnectwise.net", "@na.myconnectwise.net"),
            KEY_URL.replace("na.myconnectwise.net", "evil.test\\@na.myconnectwise.net"),
            KEY_URL.replace("na.myconnectwise.net", "na.myconnectwise.net%2eevil.test"),
            KEY_URL.replace("na.myconnectwise.net", "na.myconnectwise.net."),
            KEY_URL.replace("na.myconnectwise.net", "[::1"),
            KEY_URL.replace("https://", "//"),
            KEY_URL + "#fragment",
            KEY_URL + " ",
            "\t" + KEY_URL,
            KEY_URL.replace("index", "in\ndex"),
            KEY_URL.replace("index.rails", "index.rails/.."),
            KEY_URL.replace("system/", "system/../"),
            KEY_URL.replace("v2025_1", "anything/else"),
            KEY_URL.replace("v2025_1", ".."),
            KEY_URL.replace("index.rails", "indexXrails"),
            KEY_URL.replace("Cobalt", "Other"),
            KEY_URL.replace("Cobalt", "cobalt"),
            KEY_URL.replace("Cobalt", "Cobalt%00"),
            KEY_URL.replace("companyName=Cobalt&", ""),
            KEY_URL.replace("companyName=Cobalt", "companyName="),
            KEY_URL + "&companyName=Other",
            KEY_URL + "&companyName=Cobalt",
            KEY_URL + "&COMPANYNAME=Other",
            KEY_URL + "&company%4Eame=Other",
            KEY_URL + ";companyName=Other",
            KEY_URL + "&a" * 100,
            KEY_URL + "&a=" + "b" * 5000,
            "",
        ],
    )
    def test_any_other_is_refused(self, url: str) -> None:
        with pytest.raises(SignatureInvalid):
            self.url_of(self.body(url))

    @pytest.mark.parametrize(
        "body",
        [
            b'not json "Metadata":{"key_url":"' + KEY_URL.encode() + b'"}',
            b'\xff\xfe{"Metadata":{"key_url" : \r\n"' + KEY_URL.encode() + b'"}}',
            b'{"a":1,"a":2,"Metadata":{"key_url":"' + KEY_URL.encode() + b'"}}',
            b'{"n":' + b"9" * 100 + b',"key_url":"' + KEY_URL.encode() + b'"}',
            b"[" * 100 + b'"key_url":"' + KEY_URL.encode() + b'"',
            # the same twice is no choice
            (b'"key_url":"' + KEY_URL.encode() + b'" ') * 2,
            b'{"key_url":"' + KEY_URL.replace("/", "\\/").replace("&", "\\u0026").encode() + b'"',
        ],
    )
    def test_it_is_found_in_what_is_not_json(self, body: bytes) -> None:
        assert self.url_of(body) == KEY_URL

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'"key_url"',
            b'{"Metadata":null}',
            b'{"Metadata":{"key_url":7}}',
            b'{"key_url":"' + KEY_URL.encode() + b'"}',
            b'no json "key_url":"' + KEY_URL.encode() + b'" "key_url":"https://evil.test/"',
            b'no json "key_url":"\\x"',
            b'no json "key_url":"\xff"',
            b'no json \\"key_url\\":\\"' + KEY_URL.encode() + b'\\"',
        ],
    )
    def test_a_body_without_one_is_refused(self, body: bytes) -> None:
        with pytest.raises(SignatureInvalid):
            self.url_of(body)

    def test_rehearsals_use_plain_http_on_this_machine(self) -> None:
        url = "http://127.0.0.1:9000/system/callbackkey/index.rails?companyName=Cobalt"
        assert self.url_of(self.body(url), key_origin="http://127.0.0.1:9000/") == url


class TestConfiguration:
    def test_keys_are_kept_on_the_host(self) -> None:
        assert config(host="NA.myconnectwise.net").key_origin == "https://na.myconnectwise.net"

    @pytest.mark.parametrize(
        "changes",
        [
            {"host": "https://na.myconnectwise.net"},
            {"host": "na.myconnectwise.net/v2025_1"},
            {"host": "na.myconnectwise.net:443"},
            {"host": "user@na.myconnectwise.net"},
            {"host": ""},
            {"company": "  "},
            {"key_origin": "http://na.myconnectwise.net"},
            {"key_origin": "https://na.myconnectwise.net/system"},
            {"key_origin": "https://na.myconnectwise.net?x=1"},
            {"key_origin": "na.myconnectwise.net"},
            {"inactive_statuses": ()},
            {"inactive_statuses": (True,)},
            {"inactive_statuses": (0,)},
            {"inactive_statuses": ("",)},
            {"inactive_statuses": (1.5,)},
            {"pointers": {"status": "Entity/status"}},
            {"pointers": {"status": "/Entity/~2"}},
            {"pointers": {"state": "/Entity/status"}},
            {"inactive_status": ("Inactive",)},
        ],
    )
    def test_mistakes_are_errors(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            config(**changes)

    def test_plain_http_is_for_loopback_hosts(self) -> None:
        for origin in ("http://localhost:9000", "http://127.0.0.1", "http://[::1]:9000"):
            assert config(key_origin=origin).key_origin == origin
