"""The canonical entities: which fields a claim may carry, their types, groups and references; one module an aggregate.

A claim names fields of these tables. Fields that end in `_key` point at another record of the same source by its
external id (or, where noted, its code) and are resolved to canonical ids when the cut is published.
"""
