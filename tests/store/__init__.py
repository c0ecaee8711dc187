"""The store against a real PostgreSQL: tables, views, controls."""
