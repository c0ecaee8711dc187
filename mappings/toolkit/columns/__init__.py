"""Declared columns become canonical drafts. What a column holds is said in the YAML, field by field, whatever the rows come from.

`settings` is what is declared, `cells` reads what people write, `entities` turns a row into fields, `normaliser` into a draft.
"""

from mappings.toolkit.columns.cells import date_text, decimal_text, instant_text
from mappings.toolkit.columns.normaliser import ColumnsNormaliser
from mappings.toolkit.columns.settings import ColumnsMapping

__all__ = ["ColumnsMapping", "ColumnsNormaliser", "date_text", "decimal_text", "instant_text"]
