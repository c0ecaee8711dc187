"""The connector for databases."""
