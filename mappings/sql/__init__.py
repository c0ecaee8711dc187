"""Tables and queries of a database: declared columns become canonical drafts, as `mappings.toolkit.columns` reads them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mappings.toolkit.columns import ColumnsMapping, ColumnsNormaliser


class Plugin:
    """Builds normalisers; its name among the entry points is `sql`."""

    settings: type[BaseModel] = ColumnsMapping

    def normaliser(self, source: str, settings: Any) -> ColumnsNormaliser:
        """The normaliser of one source; `settings` is an instance of `self.settings`."""
        return ColumnsNormaliser(source, settings, package="sql", rows_of="the table or query")


plugin = Plugin()

__all__ = ["Plugin", "plugin"]
