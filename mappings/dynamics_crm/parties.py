"""Accounts and contacts, users and teams, currencies, and the dimensions that are made of choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from typing_extensions import TypedDict

from mappings.dynamics_crm.settings import DynamicsCrmMapping
from mappings.toolkit.deep_links import deep_link
from mappings.toolkit.fields import Flag, Id, Instant, Key, Money, Text, Whole, wire
from mappings.toolkit.rows import CUSTOM, Row
from mappings.toolkit.rules import Positions, settle_country, settle_position
from mappings.toolkit.shapes import Finish, Say, Shape, as_it_is, as_number, exclude, gather_custom, keep
from sync_engine.ports import CodeGap, Normalised

ACTIVE, INACTIVE = 0, 1


class Account(TypedDict, total=False):
    """accounts. `merged` ones are dead rows whose master lives on. [facts: section 2.3, section 6 case 15]"""

    number: Annotated[Text, wire("accountnumber")]
    name: Annotated[Text, wire("name")]
    email: Annotated[Text, wire("emailaddress1")]
    phone: Annotated[Text, wire("telephone1")]
    website: Annotated[Text, wire("websiteurl")]
    address_line1: Annotated[Text, wire("address1_line1")]
    address_line2: Annotated[Text, wire("address1_line2")]
    line3: Annotated[Text, wire("address1_line3")]
    city: Annotated[Text, wire("address1_city")]
    region: Annotated[Text, wire("address1_stateorprovince")]
    postcode: Annotated[Text, wire("address1_postalcode")]
    country: Annotated[Text, wire("address1_country")]
    credit_limit: Annotated[Money, wire("creditlimit")]
    on_hold: Annotated[Flag, wire("creditonhold")]
    state: Annotated[Whole, wire("statecode")]
    merged: Annotated[Flag, wire("merged")]
    master: Annotated[Key, wire("_masterid_value")]
    owner: Annotated[Key, wire("_ownerid_value")]
    modified_by: Annotated[Key, wire("_modifiedby_value")]
    parent_key: Annotated[Key, wire("@syncEngine.account")]
    currency: Annotated[Text, wire("@syncEngine.currency")]
    source_modified_at: Annotated[Instant, wire("modifiedon")]
    vat_no: Annotated[Text, wire("@syncEngine.none")]
    registration_no: Annotated[Text, wire("@syncEngine.none")]
    external_number: Annotated[Text, wire("@syncEngine.none")]
    language: Annotated[Text, wire("@syncEngine.none")]


class Contact(TypedDict, total=False):
    """contacts; whom they belong to is the connector's finding, for the lookup may name a contact or a merged account."""

    first_name: Annotated[Text, wire("firstname")]
    last_name: Annotated[Text, wire("lastname")]
    full_name: Annotated[Text, wire("fullname")]
    email: Annotated[Text, wire("emailaddress1")]
    phone: Annotated[Text, wire("telephone1")]
    mobile: Annotated[Text, wire("mobilephone")]
    title: Annotated[Text, wire("jobtitle")]
    state: Annotated[Whole, wire("statecode")]
    debtor_key: Annotated[Key, wire("@syncEngine.account")]
    source_modified_at: Annotated[Instant, wire("modifiedon")]
    number: Annotated[Text, wire("@syncEngine.none")]
    language: Annotated[Text, wire("@syncEngine.none")]


class User(TypedDict, total=False):
    """systemusers. An account names its owner by id, so the id is the number."""

    name: Annotated[Text, wire("fullname")]
    email: Annotated[Text, wire("internalemailaddress")]
    external_number: Annotated[Text, wire("employeeid")]


class Team(TypedDict, total=False):
    """teams."""

    name: Annotated[Text, wire("name")]
    email: Annotated[Text, wire("emailaddress")]


class Currency(TypedDict, total=False):
    """transactioncurrencies."""

    code: Annotated[Text, wire("isocurrencycode")]
    name: Annotated[Text, wire("currencyname")]


class Group(TypedDict, total=False):
    """A dimension that the connector makes of a choice or of a declared set."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("name")]


class GroupValue(TypedDict, total=False):
    """An option of a choice."""

    dimension_key: Annotated[Id, wire("dimension")]
    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("name")]


def _status(key: str, row: Row, out: Normalised, *, on_hold: bool = False) -> None:
    """A state nobody knows is a gap, not a guess: nothing is said then."""
    state = row.pop("state", None)
    if state == INACTIVE:
        row["status"] = "inactive"
    elif state == ACTIVE:
        row["status"] = "blocked" if on_hold else "active"
    elif state is not None:
        out.gaps.append(CodeGap(key, "status", str(state)))


def _seen(settings: DynamicsCrmMapping, logical: str, key: str, row: Row) -> None:
    if settings.web_address is not None:
        template = f"{settings.web_address.rstrip('/')}/main.aspx?pagetype=entityrecord&etn={logical}&id={{}}"
        row["source_url"] = deep_link(template, key)


def _account(settings: DynamicsCrmMapping) -> Finish:
    custom = settings.custom_fields.get("accounts", ())

    def finish(key: str, row: Row, out: Normalised) -> None:
        master = row.pop("master", None)
        if row.pop("merged", None):
            exclude(key, f"merged into account {master or 'of another id'}", out)
            return
        _status(key, row, out, on_hold=row.pop("on_hold", None) is True)
        if (line3 := row.pop("line3", None)) is not None:
            row["address_line2"] = ", ".join(filter(None, (row.get("address_line2"), line3)))
        settle_country(key, row, out.gaps)
        owners = {"owner": row.pop("owner", None), "modified_by": row.pop("modified_by", None)}
        row["owner_code"] = owners[settings.owner]
        groups = {dimension: row.get(CUSTOM + column) for dimension, column in settings.groups.items()}
        if groups:
            row["memberships"] = {d: _group_key(d, value) for d, value in groups.items()}
        _seen(settings, "account", key, row)
        gather_custom(row, custom)
        for column in settings.groups.values():
            row.pop(CUSTOM + column, None)
        keep(key, row, out)

    return finish


def _group_key(dimension: str, value: Any) -> str | None:
    """An option is known by its choice and its number, a record by its id."""
    if value is None:
        return None
    return f"{dimension}|{value}" if isinstance(value, int) else str(value).lower()


def _contact(settings: DynamicsCrmMapping) -> Finish:
    positions, custom = Positions(settings.positions), settings.custom_fields.get("contacts", ())

    def finish(key: str, row: Row, out: Normalised) -> None:
        if row.get("debtor_key") is None:
            exclude(key, "belongs to no account", out)
            return
        _status(key, row, out)
        settle_position(key, row, positions, out.gaps)
        _seen(settings, "contact", key, row)
        gather_custom(row, custom)
        keep(key, row, out)

    return finish


def _owner(key: str, row: Row, out: Normalised) -> None:
    row["number"] = key
    keep(key, row, out)


def _currency(key: str, row: Row, out: Normalised) -> None:
    row["kind"] = "currency"
    keep(key, row, out)


_ACCOUNT: dict[str, Say] = {
    **dict.fromkeys(
        (
            "number", "name", "email", "phone", "website", "address_line1", "address_line2", "city", "region", "postcode", "country", "vat_no",
            "registration_no", "external_number", "language",
        ),
        as_it_is,
    ),
    "credit_limit": as_number,
}  # fmt: skip
_CONTACT = dict.fromkeys(
    ("first_name", "last_name", "email", "phone", "mobile", "title", "number", "language"), as_it_is
)


def _own(names: Sequence[str]) -> dict[str, Say]:
    """Columns of the installation's own, but lookups."""
    return {f"custom.{name}": as_it_is for name in names if not name.startswith("_")}


def shapes(settings: DynamicsCrmMapping) -> dict[str, Shape]:
    """The wire entities of every CRM."""
    columns, custom = settings.columns, settings.custom_fields
    return {
        "groups": Shape(Group, keep),
        "group_values": Shape(GroupValue, keep),
        "currencies": Shape(Currency, _currency),
        "users": Shape(User, _owner),
        "teams": Shape(Team, _owner),
        "accounts": Shape(
            Account,
            _account(settings),
            columns.get("accounts", {}),
            custom=tuple(dict.fromkeys((*custom.get("accounts", ()), *settings.groups.values()))),
            written={**_ACCOUNT, **_own(custom.get("accounts", ()))},
        ),
        "contacts": Shape(
            Contact,
            _contact(settings),
            columns.get("contacts", {}),
            custom=custom.get("contacts", ()),
            written={**_CONTACT, **_own(custom.get("contacts", ()))},
        ),
    }
