"""An ERP without an API: a postal company's books as tables of PostgreSQL, SQLite, DuckDB or MariaDB, with the odd names ERPs have.

`servers` reaches a database as its administrator, `erp` keeps the books in it.
"""

from tests.simulators.sql.erp import CONNECTION, MAPPING, Erp
from tests.simulators.sql.servers import Admin, duckdb_file, mariadb, postgres, sqlite_file

__all__ = ["CONNECTION", "MAPPING", "Admin", "Erp", "duckdb_file", "mariadb", "postgres", "sqlite_file"]
