"""What people do: run a source, look at it, retry what was put aside, explain a value. One function each, used alike by the
command line, Dagster jobs and Python."""
