"""What sources share whose rows an installation declares itself: the company, the streams, keys and payloads of plain cells."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from sync_engine.canonical.cells import Number, plain_number
from sync_engine.canonical.declared import spoken_of
from sync_engine.records import RawRecord, Stream

COMPANY = "company"
NOTHING = b"{}"
"""The payload of a row that cannot be used."""
encode = msgspec.json.Encoder().encode


class CompanyFacts(BaseModel):
    """What no row tells: whose books these are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="the legal name")
    base_currency: str = Field(
        pattern="^[A-Z]{3}$", description="ISO code of the currency the books are kept in"
    )
    country: str | None = Field(None, pattern="^[A-Z]{2}$", description="two letters, ISO 3166")
    registration_no: str | None = Field(None, description="number in the trade register")
    vat_no: str | None = Field(None, description="VAT number")

    @property
    def record(self) -> RawRecord:
        """The one record of the entity `company`."""
        return RawRecord(COMPANY, encode(self.model_dump(exclude_none=True)), None)


def declared_stream(name: str, *, has_cursor: bool = False, **more: Any) -> Stream:
    """The stream of a declared entity such as `document_credit_notes`; the settings have refused what is not spoken of."""
    spoken = spoken_of(name)
    assert spoken is not None, "the settings refuse what is not spoken of"
    return Stream(name, spoken.family, spoken.entity, has_cursor=has_cursor, **more)


def key_text(value: Any) -> str:
    """A plain value as part of a key: 17, 17.0 and 1.7E1 are one number, and true is what it is elsewhere."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain_number(str(value)) if isinstance(value, int | Decimal | Number) else str(value)


def encodable(cell: Any) -> Any:
    """A cell as a member of a row: what is a number in its source is one in JSON, digit by digit; bytes are hexadecimal."""
    if type(cell) is Number:
        return msgspec.Raw(cell.encode())
    return cell.hex() if isinstance(cell, bytes) else cell


def payload(found: dict[str, Any]) -> bytes:
    """A row as JSON."""
    return encode({name: encodable(cell) for name, cell in found.items()})
