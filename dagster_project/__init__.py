"""The engine in Dagster: one YAML per installation becomes a lane of assets, its checks, its jobs and its automation.

`components` is the YAML's type, `families` the lane as a table, `lane` the assets, `ops_jobs` what people launch, `checks` and
`telling` what a step says about itself, `steps` how a stage runs inside a step, `running` the lane without a server.
"""
