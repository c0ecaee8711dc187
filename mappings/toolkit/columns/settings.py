"""What an installation declares about the meaning of its columns, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from mappings.toolkit.rules import Name, PositionRules
from sync_engine.canonical.declared import SPEAKABLE, heading, spoken_of

CODES: dict[tuple[str, str], frozenset[str]] = {
    ("debtor", "status"): frozenset(("active", "blocked", "inactive")),
    ("debtor", "kind"): frozenset(("company", "person")),
    ("debtor", "block_reason"): frozenset(("ship", "invoice", "all")),
    ("contact", "status"): frozenset(("active", "inactive")),
    ("document", "kind"): frozenset(("invoice", "credit_note", "finance_charge", "opening", "journal")),
    ("document", "erp_status"): frozenset(
        ("draft", "open", "partially_paid", "paid", "void", "written_off", "unknown")
    ),
    ("payment", "kind"): frozenset(("payment", "refund", "prepayment", "write_off", "journal")),
    ("ledger_entry", "document_type"): frozenset(
        ("invoice", "credit_memo", "payment", "refund", "finance_charge", "reminder", "journal")
    ),
}
"""What these fields may say; a column with other words needs `codes`."""
NEEDED = {
    "contact": ("debtor_key",),
    "document": ("debtor_key", "total|open_amount"),
    "ledger_entry": ("debtor_key|debtor_number", "document_type", "amount"),
    "payment": ("debtor_key", "amount"),
    "application": (
        "payment_key|credit_note_key|from_entry",
        "document_key|refund_key|to_entry",
        "amount|amount_base",
    ),
    "dimension": ("code",),
    "dimension_value": ("dimension_key", "code"),
    "debtor_dimension": ("debtor_key", "dimension_key", "dimension_value_key"),
    "account_owner": ("number|email",),
}

AMOUNTS = frozenset(("money", "number", "int"))
"""Kinds of fields whose text has separators."""


def _date_format(written: str) -> str:
    """A format that gives back the date it was made from, and leaves ISO 8601 alone, which is always read."""
    late, early = datetime(2026, 12, 31), datetime(2026, 3, 1)  # noqa: DTZ001 - a business date has no zone
    try:
        is_whole = all(
            datetime.strptime(day.strftime(written), written).date() == day.date()  # noqa: DTZ007 - as above
            for day in (late, early)
        )
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError(f"{written!r} is no date format with day, month and year, such as %d.%m.%Y")
    for said in (early.date().isoformat(), early.isoformat(sep=" ")):
        try:
            read = datetime.strptime(said, written)  # noqa: DTZ007
        except ValueError:
            continue
        if read.date() != early.date():
            raise ValueError(f"{written!r} reads {said}, the 1st of March by ISO 8601, as another day")
    return written


DateFormat = Annotated[str, AfterValidator(_date_format)]
"""What strptime understands, checked when the settings are loaded."""


class Column(BaseModel):
    """Where a field comes from, and how it is written there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: Name | None = Field(
        None, description="the heading; case, blanks, dots, hyphens and underscores do not count"
    )
    value: str | bool | None = Field(None, description="the same for every row, instead of a column")
    codes: dict[str, str | bool | None] | None = Field(
        None, description="what is written -> what it means; another code is a gap, not a guess"
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="decimal separator of text, where it is not the source's"
    )
    dates: tuple[DateFormat, ...] | None = Field(
        None, description="date formats such as %d.%m.%Y, where they are not the source's"
    )
    negate: bool = Field(False, description="the source has the other sign")
    optional: bool = Field(False, description="the column may be missing; then nothing is said")
    blank: Literal["empty", "nothing", "zero"] = Field(
        "empty", description="what a blank cell says: that there is nothing, nothing at all, or nought"
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": ["string", "integer", "boolean"]}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _plain_column(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given if isinstance(given, cls) else {"column": heading(given)}
        codes = given.get("codes")
        return {
            **given,
            **({"column": heading(given["column"])} if "column" in given else {}),
            **(
                {"codes": {heading(code): meaning for code, meaning in codes.items()}}
                if isinstance(codes, Mapping)
                else {}
            ),
        }

    @model_validator(mode="after")
    def _has_one_origin(self) -> Column:
        if (self.column is None) == ("value" not in self.model_fields_set):
            raise ValueError("name a column or a value, one of them")
        return self


class EntityMapping(BaseModel):
    """The fields of one entity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, Column] = Field(min_length=1, description="canonical field -> column")
    custom: dict[Name, Column] = Field(default_factory=dict, description="name of an own field -> column")


class ColumnsMapping(BaseModel):
    """The settings of one source's mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entities: dict[str, EntityMapping] = Field(
        min_length=1, description="entity, named as in the connection -> where its fields come from"
    )
    decimal: Literal[".", ","] | None = Field(
        None,
        description="decimal separator of text; the other one, blanks and apostrophes group thousands. Left out: a point, and 1.234 or 1,234 is refused",
    )
    dates: tuple[DateFormat, ...] = Field(
        (), description="date formats such as %d.%m.%Y; ISO 8601 is always read"
    )
    yes: tuple[Name, ...] = Field((), description="further words for yes")
    no: tuple[Name, ...] = Field((), description="further words for no")
    positions: PositionRules = Field(
        default_factory=PositionRules, description="From a contact's title to its position."
    )

    @field_validator("entities")
    @classmethod
    def _fields_are_known(cls, entities: dict[str, EntityMapping]) -> dict[str, EntityMapping]:
        for name, mapping in entities.items():
            spoken = spoken_of(name)
            if spoken is None:
                raise ValueError(f"{name}: an entity begins with one of {', '.join(SPEAKABLE)}")
            known = [f.name for f in spoken.fields]
            if unknown := sorted(set(mapping.fields) - set(known)):
                raise ValueError(
                    f"{name}: there is no field {', '.join(unknown)}; there are {', '.join(known)}"
                )
            kinds = {f.name: f.kind for f in spoken.fields}
            if wrong := sorted(
                f for f, c in mapping.fields.items() if c.blank == "zero" and kinds[f] not in AMOUNTS
            ):
                raise ValueError(f"{name}: blank: zero is for amounts, which {', '.join(wrong)} is not")
            for wanted in NEEDED.get(spoken.entity, ()):
                if not set(wanted.split("|")) & set(mapping.fields):
                    raise ValueError(f"{name}: the field {wanted.replace('|', ' or ')} is missing")
        return entities
