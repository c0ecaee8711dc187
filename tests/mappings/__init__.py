"""Mappings: golden payloads, laws of the field types, and the tricky cases of each product by name."""
