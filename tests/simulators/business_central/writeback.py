"""Writes over the wire: PATCH, POST and DELETE with the etag rules, and the few fields a posted invoice lets go.

Sources: dynamics_customer_update.md, Simple.OData.Client#667 (400 instead of 412), SalesInvHeaderEdit.Codeunit.al.
"""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.simulators.business_central import records as r
from tests.simulators.business_central.errors import ODataError, bad_request, dialog, not_found
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.odata_query import expand_row
from tests.simulators.business_central.resources import Resources, Target, parse_path
from tests.simulators.business_central.schema import EntitySet, Field
from tests.simulators.business_central.wire import NULL_DATE, NULL_GUID, Edm, decode_enum, etag
from tests.simulators.business_central.world import Company

POSTED_FIELDS = ("dueDate", "promisedPayDate", "disputeStatus", "disputeStatusId")


class Writer:
    """Answers everything that is not a GET below an API root."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.request: Request = resources.request

    def answer(self, request: Request) -> Response:
        company, rest = self.resources.company_of(parse_path(self.resources.root.below))
        target = self.resources.locate(company, rest)
        if request.method == "PATCH" and target.row is not None:
            return self._patch(company, target)
        if request.method == "DELETE" and target.row is not None:
            return self._delete(company, target)
        if request.method == "POST" and target.rest:
            return self._action(company, target)
        if request.method == "POST" and target.row is None:
            return self._insert(company, target)
        raise ODataError(405, "BadRequest_MethodNotAllowed", "Method not allowed.")

    def _check_token(self, row: Any, required: bool) -> None:
        """No If-Match is a 400, a stale one a 409."""
        given = self.request.header("if-match")
        if not given and required:
            raise bad_request(
                "Could not validate the client concurrency token required by the service. Please provide a valid token in the client request.",
                "BadRequest_InvalidToken",
            )
        if given and given not in ("*", etag(row.row_version)):
            raise ODataError(409, "Request_EntityChanged", "Another user has already changed the record.")

    def _shown(self, company: Company, entity: EntitySet, row: Any, status: int) -> Response:
        context = self.resources.context(f"companies({company.id})/{entity.name}/$entity")
        body = expand_row(self.resources.query(entity), company, row)
        headers = {}
        if status == 201:
            key = entity.key_of(company, row)
            headers["Location"] = f"{self.resources.root.url}/companies({company.id})/{entity.name}({key})"
        return Response(status, payload={**context, **body}, headers=headers)

    def _patch(self, company: Company, target: Target) -> Response:
        self._check_token(target.row, required=True)
        given = self.request.json()
        if not isinstance(target.row, r.Row):
            raise ODataError(405, "BadRequest_MethodNotAllowed", "Entity does not support update.")
        if isinstance(target.row, r.SalesDocument):
            self._patch_document(company, target.row, given)
        elif isinstance(target.row, r.DefaultDimension):
            self._patch_default(company, target.row, given)
        else:
            self._assign(company, target.entity, target.row, given)
            company.touch(target.row)
        return self._shown(company, target.entity, target.row, 200)

    def _assign(self, company: Company, entity: EntitySet, row: Any, given: dict[str, Any]) -> None:
        """Set the writable fields; check everything before anything is changed."""
        wanted: dict[str, Any] = {}
        for name, value in given.items():
            if name.startswith("@"):
                continue
            field = entity.field(name)
            if field is None:
                raise bad_request(
                    f"The property '{name}' does not exist on type 'Microsoft.NAV.{entity.entity}'."
                )
            attribute = field.writes or _SPECIAL.get(name, "")
            if name == "id" or not attribute:
                raise bad_request(f"Control '{name}' is read-only.", "Application_DialogException")
            wanted[attribute] = _value(company, field, value)
        for attribute, value in wanted.items():
            setattr(row, attribute, value)

    def _patch_document(self, company: Company, row: r.SalesDocument, given: dict[str, Any]) -> None:
        names = {name for name in given if not name.startswith("@")}
        if row.posted and not names <= set(POSTED_FIELDS):
            raise dialog("The invoice has been posted and can no longer be modified.")
        if not row.posted and names & set(POSTED_FIELDS[1:]):
            raise dialog("Posted must be equal to 'Yes' in Sales Invoice Entity Aggregate.")
        if not row.posted:
            raise dialog("Writing to drafts is not simulated.")
        if "dueDate" in given:
            company.postpone(row.id, date.fromisoformat(given["dueDate"]))
        if "promisedPayDate" in given:
            text = given["promisedPayDate"]
            company.promise(row.id, None if text in (None, NULL_DATE) else date.fromisoformat(text))
        for name in ("disputeStatus", "disputeStatusId"):
            if name in given:
                company.dispute(row.id, None if given[name] in (None, "", NULL_GUID) else given[name])

    def _patch_default(self, company: Company, row: r.DefaultDimension, given: dict[str, Any]) -> None:
        if "dimensionId" in given and given["dimensionId"] != row.dimension_id:
            raise dialog("You can't rename a Default Dimension.")
        if "dimensionValueId" in given:
            row.value_id = self._default_value(company, row.dimension_id, given["dimensionValueId"])
        company.touch(row)

    def _default_value(self, company: Company, dimension_id: str, value_id: str | None) -> str | None:
        if value_id in (None, "", NULL_GUID):
            return None
        found = company.dimension_values.get(str(value_id).lower())
        if found is None or found.dimension_id != dimension_id:
            raise dialog("The dimension value does not belong to the dimension.")
        if found.blocked:
            raise dialog(f"Dimension Value {found.code} is blocked.")
        return found.id

    def _insert(self, company: Company, target: Target) -> Response:
        entity, given = target.entity, self.request.json()
        row: r.Row
        if entity.name == "customers":
            row = company.create_customer(self._display_name(given), number=given.get("number") or None)
        elif entity.name == "contacts":
            row = company.create_contact(self._display_name(given), kind=given.get("type", "Company"))
            if given.get("companyNumber"):
                row.company_id = company.by_code(company.contacts, given["companyNumber"]).id
        elif entity.name == "defaultDimensions":
            return self._insert_default(company, target, given)
        else:
            raise ODataError(405, "BadRequest_MethodNotAllowed", "Entity does not support insert.")
        self._take_client_id(company, row, given)
        skipped = ("id", "displayName", "type", "companyNumber", "number")
        self._assign(company, entity, row, {k: v for k, v in given.items() if k not in skipped})
        return self._shown(company, entity, row, 201)

    def _display_name(self, given: dict[str, Any]) -> str:
        if not str(given.get("displayName", "")).strip():
            raise dialog('A "displayName" must be provided.')
        return str(given["displayName"])

    def _take_client_id(self, company: Company, row: r.Row, given: dict[str, Any]) -> None:
        """The platform keeps an id the client chose, so a repeated insert is refused as a duplicate."""
        if "id" not in given:
            return
        wanted = str(UUID(given["id"]))
        table: Any = company.customers if isinstance(row, r.Customer) else company.contacts
        del table[row.id]
        if wanted in table:
            raise bad_request("The record already exists.", "Internal_EntityWithSameKeyExists")
        for contact in company.contacts.values():
            contact.relations = [(k, wanted if v == row.id else v) for k, v in contact.relations]
        row.id = wanted
        table.add(row)

    def _insert_default(self, company: Company, target: Target, given: dict[str, Any]) -> Response:
        parent = given.get("parentId")
        if "/" in target.path:
            parent = target.path.split("(")[1].split(")")[0]
        customer = company.customers.get(str(parent).lower())
        dimension = company.dimensions.get(str(given.get("dimensionId", "")).lower())
        if customer is None or dimension is None:
            raise not_found("defaultDimensions")
        if company.default_dimension(customer.id, dimension.id) is not None:
            raise bad_request("The Default Dimension already exists.", "Internal_EntityWithSameKeyExists")
        value = self._default_value(company, dimension.id, given.get("dimensionValueId"))
        row = company.put_default_dimension(customer.id, dimension.id, value)
        return self._shown(company, target.entity, row, 201)

    def _delete(self, company: Company, target: Target) -> Response:
        self._check_token(target.row, required=False)
        row = target.row
        if isinstance(row, r.Customer):
            company.delete_customer(row.id)
        elif isinstance(row, r.Contact):
            company.delete_contact(row.id)
        elif isinstance(row, r.DefaultDimension):
            company.drop(company.default_dimensions, row)
        elif isinstance(row, r.SalesDocument):
            company.delete_draft(row.id)
        else:
            raise ODataError(405, "BadRequest_MethodNotAllowed", "Entity does not support delete.")
        return Response(204)

    def _action(self, company: Company, target: Target) -> Response:
        """`Microsoft.NAV.post` and its kin, in any case, without an answer body."""
        name = target.rest[0].name.lower().removeprefix("microsoft.nav.")
        if not isinstance(target.row, r.SalesDocument):
            raise not_found(target.rest[0].name)
        if name in ("post", "postandsend"):
            company.post_document(target.row.id)
        elif name in ("cancel", "cancelandsend"):
            company.cancel_invoice(target.row.id)
        elif name == "makecorrectivecreditmemo":
            company.create_credit_memo(
                target.row.customer_id,
                amount=target.row.gross,
                applies_to=target.row.id,
                currency=target.row.currency_code,
            )
        elif name != "send":
            raise not_found(target.rest[0].name)
        return Response(204)


_SPECIAL = {"blocked": "blocked", "type": "type", "privacyBlocked": "privacy_blocked"}


def _value(company: Company, field: Field, value: Any) -> Any:
    """A JSON value as the table keeps it; too long a text is refused with the platform's words."""
    match field.edm:
        case Edm.TEXT:
            if field.length and len(str(value)) > field.length:
                raise bad_request(
                    f"The length of the string is {len(str(value))}, but it must be less than or equal to {field.length} characters. Value: {value}",
                    "Application_StringExceededLength",
                )
            return str(value)
        case Edm.ENUM:
            member = decode_enum(str(value)) or " "
            if member not in field.options:
                known = ",".join(field.options)
                raise bad_request(
                    f"'{member}' is not an option. The existing options are: {known}", "Unknown"
                )
            return member
        case Edm.DECIMAL:
            return Decimal(str(value))
        case Edm.GUID:
            return None if value in (None, "", NULL_GUID) else str(UUID(value))
        case _:
            return value
