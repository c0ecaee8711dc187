"""Tests: unit, laws, contract, store, stages, dagster, end to end, architecture, and the simulators they run against."""
