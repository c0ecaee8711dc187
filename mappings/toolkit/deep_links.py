"""Deep links: the address of a record in its source's own user interface, from a template and what the record is called there."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator

from mappings.toolkit.rows import Row
from mappings.toolkit.shapes import Finish
from sync_engine.ports import Normalised


def _address(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("https", "http") or not parts.netloc or parts.username is not None:
        raise ValueError("must be an address that begins with https:// or http://, without a login")
    return given


WebAddress = Annotated[str, AfterValidator(_address)]
"""A setting: where people open the product in a browser."""


def deep_link(template: str, value: str | None) -> str | None:
    """`template` with `{}` replaced by the percent-encoded value; None where there is no value.

    >>> deep_link("https://erp.example/customers/{}", "A/1")
    'https://erp.example/customers/A%2F1'
    """
    return None if value is None else template.replace("{}", quote(value, safe=""))


def linked(web_address: str | None, path: str, finish: Finish) -> Finish:
    """The record says where it can be seen, as `<web_address>/<path>/<its key>`; `finish` as it is where no address is set."""
    if web_address is None:
        return finish
    template = f"{web_address.rstrip('/')}/{path}/{{}}"

    def with_link(key: str, row: Row, out: Normalised) -> None:
        finish(key, {**row, "source_url": deep_link(template, key)}, out)

    return with_link
