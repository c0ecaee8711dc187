"""The lane in Dagster: what loads, what runs, what is red and why."""
