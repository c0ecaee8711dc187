"""Any database SQLAlchemy reaches: tables and queries as a source, declared entity by entity in the YAML.

`settings` is what is declared; `databases` what products differ in, `session` how one is reached, `errors` its failures in our tree;
`cells` and `reading` turn rows into records, `connector` stands behind the port. What is in a row is the declared mapping's business.
"""

from connectors.sql.connector import Plugin, Sql
from connectors.sql.settings import Settings

plugin = Plugin()

__all__ = ["Plugin", "Settings", "Sql", "plugin"]
