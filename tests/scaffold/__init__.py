"""Makes the skeleton of a new connector: connector, mapping, simulator, tests, golden folder, entry points."""
