"""Tests of the source `economic`."""
