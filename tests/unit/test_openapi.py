"""The description has every route and no other, and what it shows fits what it says."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route

from adapters import errors
from service.api.openapi.document import document
from service.api.openapi.examples import ANSWERS, BODIES, ERROR
from service.api.openapi.operations import OPERATIONS, PAGES
from service.api.routes.every import every
from service.terminal.messages_page import codes
from tests.support.service import configured

API = document("https://unglue.example.com/")


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in API["paths"].items()
        for method, operation in methods.items()
    }


def by_id(name: str) -> dict[str, Any]:
    return next(each for each in operations().values() if each["operationId"] == name)


def fits(value: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": API["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_every_route_is_described_and_none_is_invented() -> None:
    routes = {
        (method, route.path): route.endpoint
        for route in every(configured("redis://127.0.0.1:1/0"))[0].routes
        if isinstance(route, Route)
        and not route.path.startswith(PAGES)
        and not route.endpoint.__module__.startswith("service.console.")
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(each.method, each.path): each.route for each in OPERATIONS}
    assert described == routes
    assert set(operations()) == set(routes)


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    ids = [each["operationId"] for each in operations().values()]
    assert len(set(ids)) == len(ids)
    for operation in operations().values():
        assert operation["summary"].endswith((".", "now"))
        assert all(each["description"] for each in operation["responses"].values())


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    schemas = API["components"]["schemas"]
    assert {each.rpartition("/")[2] for each in references(API)} <= set(schemas)
    assert not {name for name in schemas if "__" in name}, "two models have the same name"
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        assert name in str(references(API)), f"{name} is used nowhere"


def test_every_error_is_described() -> None:
    meanings = API["components"]["schemas"]["Error"]["properties"]["code"]["description"]
    for error in codes():
        assert f"`{error.code}`" in meanings
    statuses = {status for each in operations().values() for status in each["responses"]}
    # A configuration stops the start; the rest of IT Glue's are in results.
    answered = {each for each in codes() if each is not errors.ConfigurationError}
    assert {str(each.http_status) for each in answered} <= statuses


@pytest.mark.parametrize("name", BODIES)
def test_an_example_of_a_body_fits_it(name: str) -> None:
    content = by_id(name)["requestBody"]["content"]["application/json"]
    operation = next(each for each in OPERATIONS if each.id == name)
    assert operation.body is not None
    for each in content["examples"].values():
        fits(each["value"], content["schema"])


@pytest.mark.parametrize("name", ANSWERS)
def test_an_example_of_an_answer_fits_it(name: str) -> None:
    for status, example in ANSWERS[name].items():
        schema = by_id(name)["responses"][str(status)]["content"]["application/json"]["schema"]
        fits(example, schema)
    fits(dict(ERROR), {"$ref": "#/components/schemas/Error"})


def test_what_takes_a_body_shows_one() -> None:
    bodies = {each.id for each in OPERATIONS if each.body is not None}
    assert bodies == set(BODIES)
