"""Looking: status, explanations, SQL, the audit. Nothing here changes a record."""
