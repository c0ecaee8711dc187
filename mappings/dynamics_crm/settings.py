"""What an installation declares about the meaning of its accounts and contacts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mappings.toolkit.columns import ColumnsMapping
from mappings.toolkit.deep_links import WebAddress
from mappings.toolkit.rules import Name, PositionRules


class DynamicsCrmMapping(BaseModel):
    """The settings of one source's mapping. Columns are named as the Web API has them: lower case, a lookup as `_name_value`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[Literal["accounts", "contacts"], dict[str, Name]] = Field(
        default_factory=dict,
        description="canonical field -> column, where it is not the usual one or there is none: vat_no: new_vatnumber",
    )
    custom_fields: dict[Literal["accounts", "contacts"], tuple[Name, ...]] = Field(
        default_factory=dict, description="columns that are kept as fields of your own"
    )
    groups: dict[Name, Name] = Field(
        default_factory=dict,
        description="dimension -> column of the account that says its value: customertypecode: customertypecode for a choice, "
        "new_customergroup: _new_customergroupid_value for a lookup",
    )
    owner: Literal["owner", "modified_by"] = Field(
        "owner", description="who looks after an account: its owner, or whoever changed it last"
    )
    positions: PositionRules = Field(
        default_factory=PositionRules, description="From a contact's job title to its position."
    )
    web_address: WebAddress | None = Field(
        None, description="where people open the CRM in a browser; then records say where they can be seen"
    )
    declared: ColumnsMapping | None = Field(
        None, description="the sets that the connection declares, column by column"
    )
