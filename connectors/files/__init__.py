"""Files: a folder of exports or a single spreadsheet as a source, declared entity by entity in the YAML.

`settings` is what is declared, `reading` turns files into rows and judges rows that share a key, `connector` stands behind the
port. Everything is read each time; what is in a row is the declared mapping's business.
"""

from connectors.files.connector import Files, Plugin
from connectors.files.settings import Settings

plugin = Plugin()

__all__ = ["Files", "Plugin", "Settings", "plugin"]
