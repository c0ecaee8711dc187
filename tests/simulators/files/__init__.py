"""Files as people deliver them: a small company's books written as CSV, Excel, Parquet or NDJSON, clean or dirty, with the truth beside them.

`books` is what is true, `writing` puts it into files in the formats and with the flaws that were asked for.
"""

from tests.simulators.files.books import Books, Customer, Invoice, Person, small_books
from tests.simulators.files.writing import DIRTY, Flaws, write_csv, write_excel, write_ndjson, write_parquet

__all__ = [
    "DIRTY",
    "Books",
    "Customer",
    "Flaws",
    "Invoice",
    "Person",
    "small_books",
    "write_csv",
    "write_excel",
    "write_ndjson",
    "write_parquet",
]
