"""The engine in Dagster: one YAML per installation becomes a lane of assets, its checks, its jobs and its automation.

`components` is the YAML's type, `families` the lane as a table, `assets` the lane itself, `run_jobs`, `store_jobs` and
`decision_jobs` what people launch, `checks` and `metadata` what a step says about itself, `stage_step` how a stage runs inside a
step, `in_process` the lane without a server.
"""
