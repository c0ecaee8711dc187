"""Tests of the source `netsuite`."""
