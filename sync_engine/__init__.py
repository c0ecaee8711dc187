"""A headless engine that keeps a collections team's receivables data true.

Sources claim field values, a declared policy ranks who is believed, and the canonical row is a pure fold over the
claims of the source records linked to it. `records` and `ports` are what every connector promises, `merge` is the
heart, `stages` are the five verbs, `store` is the only package that knows our tables.
"""
