"""NetSuite in process: SuiteQL that is run for real over one state, with the quirks of the product as switches.

`schema` are the tables, `books` what an account knows and how people change it, `furniture` books to begin with, `verbs` what happens
later (voids, deletions, merges), `suiteql` how a query is run, `logins` who is let in, `server` how it answers over HTTP.
"""

from tests.simulators.netsuite.books import Books
from tests.simulators.netsuite.furniture import furnished
from tests.simulators.netsuite.logins import Keys, key_pair
from tests.simulators.netsuite.server import NetSuiteTransport
from tests.simulators.netsuite.suiteql import Session

__all__ = ["Books", "Keys", "NetSuiteTransport", "Session", "furnished", "key_pair"]
