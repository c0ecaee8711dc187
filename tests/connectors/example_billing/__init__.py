"""Tests of the source `example_billing`: the contract, its own rules, and a whole source run over the simulator."""
