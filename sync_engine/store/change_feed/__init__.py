"""The append-only audit: how changes are collected, sealed and verified."""
