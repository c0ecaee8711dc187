"""What connectors share and no product owns: one HTTP client with the only retry loop, logins, secrets, OData pages."""
