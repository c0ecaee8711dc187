"""Every answer of the simulator against what the vendor publishes about its interfaces; these files are beside the checkout or nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.connectors.economic.stage import EconomicStage
from tests.simulators.economic import APP_TOKEN, GRANT_TOKEN
from tests.simulators.economic.openapi import RESOURCES, VERSIONS
from tests.simulators.economic.rest import FILTERS, LISTS

WIRE = Path(__file__).resolve().parents[3].parent / "shared" / "wire" / "economic"
REST = {path: path.replace("/", ".") for path in LISTS} | {
    "self": "self",
    "customers/101": "customers.customerNumber",
    "invoices/booked/10001": "invoices.booked.bookedInvoiceNumber",
    "invoices/totals/booked/unpaid": "invoices.totals.booked.unpaid",
    "accounting-years/2026/totals": "accounting-years.accountingYear.totals",
}
"""Path -> name of its schema."""
UNPUBLISHED = {"departmental-distributions"}
OPENAPI = {
    "customersapi": "Customers",
    "q2capi": "Q2C",
    "bookedEntriesapi": "BookedEntries",
    "dimensionsapi": "Dimensions",
}


def published(name: str) -> Any:
    """A file of the vendor's."""
    path = WIRE / name
    if not path.exists():
        pytest.skip("optional data: the vendor's schemas are not beside the checkout")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def client() -> httpx.Client:
    """A client with the tokens of the simulator."""
    headers = {"X-AppSecretToken": APP_TOKEN, "X-AgreementGrantToken": GRANT_TOKEN}
    return httpx.Client(transport=EconomicStage().transport, headers=headers)


@cache
def rest_schema(name: str) -> Any:
    """A schema of the REST API that knows no other properties than its own: draft 03 lets any pass."""
    return closed(published(f"rest/{name}.get.schema.json"))


def closed(schema: Any) -> Any:
    """The same schema, every object of it without further properties."""
    if isinstance(schema, dict):
        found = {name: closed(part) for name, part in schema.items()}
        if isinstance(schema.get("properties"), dict):
            found["additionalProperties"] = False
        return found
    return [closed(part) for part in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("path", sorted(set(REST) - UNPUBLISHED))
def test_the_rest_api_answers_by_its_schemas(client: httpx.Client, path: str) -> None:
    """Names, kinds and required fields; and one answer broken on purpose is found."""
    answer = client.get(f"https://restapi.e-conomic.com/{path}").json()
    validator = jsonschema.Draft3Validator(rest_schema(REST[path]))
    assert [error.message for error in validator.iter_errors(answer)] == []
    rows = answer.get("collection", [answer])
    assert rows
    rows[0]["self"], rows[0]["nobodyKnows"] = 7, "x"
    assert len(list(validator.iter_errors(answer))) >= 2


@pytest.mark.parametrize(("service", "resource"), sorted(RESOURCES), ids="/".join)
def test_the_services_answer_by_their_documents(client: httpx.Client, service: str, resource: str) -> None:
    """The same for the OpenAPI services, in the version that the simulator says it has."""
    document = published(f"openapi/openapi-{OPENAPI[service]}.json")
    assert document["info"]["version"] == VERSIONS[service]
    answer = client.get(f"https://apis.e-conomic.com/{service}/v{VERSIONS[service]}/{resource}").json()
    told = document["paths"][f"/{resource}"]["get"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    validator = jsonschema.Draft202012Validator(nullable({**document, **told}))
    assert [error.message for error in validator.iter_errors(answer)] == []
    assert answer["items"]
    answer["items"][0]["nobodyKnows"] = "x"
    assert list(validator.iter_errors(answer))


def nullable(schema: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type of null."""
    if isinstance(schema, dict):
        found = {name: nullable(part) for name, part in schema.items()}
        if schema.get("nullable") is True and isinstance(schema.get("type"), str):
            found["type"] = [schema["type"], "null"]
        return found
    return [nullable(part) for part in schema] if isinstance(schema, list) else schema


def marked(schema: Mapping[str, Any], mark: str, before: str = "") -> Iterator[str]:
    """The paths that a REST schema marks as filterable or sortable."""
    for name, part in schema.get("properties", {}).items():
        if part.get(mark):
            yield before + name
        if part.get("type") == "object":
            yield from marked(part, mark, f"{before}{name}.")


@pytest.mark.parametrize("path", sorted(set(FILTERS) - UNPUBLISHED))
def test_the_simulator_filters_by_what_is_marked(path: str) -> None:
    """And by what the server is known to take although the schema is silent."""
    items = published(f"rest/{REST[path]}.get.schema.json")["properties"]["collection"]["items"]
    assert set(FILTERS[path]) - set(marked(items, "filterable")) <= {"pNumber"}


def test_the_services_filter_by_what_is_marked() -> None:
    """With the operators that stand there."""
    for (service, resource), listed in RESOURCES.items():
        document = published(f"openapi/openapi-{OPENAPI[service]}.json")
        told = document["paths"][f"/{resource}"]["get"]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]
        many = document["components"]["schemas"][told["$ref"].rpartition("/")[2]]
        one = many["properties"]["items"]["items"]["$ref"].rpartition("/")[2]
        fields = document["components"]["schemas"][one]["properties"]
        for name, operators in listed.filters.items():
            assert operators <= {o.strip() for o in fields[name]["x-filterable"].split(",")}, (resource, name)
