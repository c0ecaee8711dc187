"""Files: declared columns become canonical drafts. What a column holds is said in the YAML, field by field.

`settings` is what is declared, `cells` reads what people write, `entities` turns a row into fields, `normaliser` into a draft.
"""

from mappings.files.cells import date_text, decimal_text, instant_text
from mappings.files.normaliser import FilesNormaliser, plugin
from mappings.files.settings import FilesMapping

__all__ = ["FilesMapping", "FilesNormaliser", "date_text", "decimal_text", "instant_text", "plugin"]
