"""The tables as SQLAlchemy sees them: `canonical`, the public contract, and `engine`, private."""

UNRELEASED = "0015"
"""The last version of the history there was before the first release; the tables of migrations/versions/0001_baseline.py are the same."""
