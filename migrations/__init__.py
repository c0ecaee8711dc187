"""The history of the two schemas: `canonical`, which others read, and `engine`, which is ours. Alembic, configured from pyproject.toml."""
