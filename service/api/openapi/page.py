"""The description as a page for people: HTML that runs nothing and loads nothing."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from jinja2 import ChainableUndefined, Environment, PackageLoader
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from service.api.answers import page_headers

_REF: Final = "#/components/schemas/"
_BACKTICKS: Final = re.compile(r"`([^`]+)`")


def _marked(text: str) -> Markup:
    """The text with what stands between backticks as code."""
    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _form(schema: Mapping[str, Any]) -> Markup:
    """A schema in a few words, with links to those that have names."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return Markup(" or ").join(_form(each) for each in schema[several])
    if "const" in schema or "enum" in schema:
        values = schema.get("enum") or [schema["const"]]
        return Markup(", ").join(Markup("<code>{}</code>").format(each) for each in values)
    kind = schema.get("type", "")
    if kind == "array":
        return Markup("list of ") + _form(schema.get("items", {}))
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return Markup("object of ") + _form(schema["additionalProperties"])
    bounds = [
        f"{word} {schema[name]}"
        for name, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "up to"))
        if name in schema
    ]
    return escape(" ".join([schema.get("format", kind), *bounds]))


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


_TEMPLATES: Final = Environment(
    loader=PackageLoader("service.api.openapi"),
    autoescape=True,
    undefined=ChainableUndefined,
    trim_blocks=True,
)
_TEMPLATES.filters |= {"marked": _marked, "form": _form, "json": _json}
_STYLE: Final = _TEMPLATES.get_template("style.css").render()
_HEADERS: Final = page_headers(_STYLE, forms="'none'", cache="no-cache")


def page(api: Mapping[str, Any]) -> HTMLResponse:
    """The page of a document."""
    style = Markup(_STYLE)  # noqa: S704 - our own, and its hash is what the policy allows
    return HTMLResponse(
        _TEMPLATES.get_template("docs.html").render(api=api, style=style), headers=_HEADERS
    )
