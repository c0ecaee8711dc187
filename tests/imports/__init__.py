"""Tests of one-time imports and of the claims inbox, on a small ERP made of files."""
