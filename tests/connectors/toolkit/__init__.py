"""The toolkit: retries, logins, secrets, pages."""
