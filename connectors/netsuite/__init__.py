"""NetSuite, read by SuiteQL alone.

`settings` is what an installation is told, `login` how it logs in, `suiteql` how a query is written and read, `zone` the clock of its
stamps, `tables` what is read for each stream, `children` what belongs to rows, `rows` how rows become records, `lists` the small lists,
`pulse` whether anything may have changed, `unknown_columns` what an account has not, `control_totals` what it states itself,
`permissions` what a role does not see, `connector` the engine's port.
"""

from connectors.netsuite.connector import NetSuite, Plugin
from connectors.netsuite.settings import Settings

plugin = Plugin()

__all__ = ["NetSuite", "Plugin", "Settings", "plugin"]
