"""The five verbs: pull, normalise, publish, reconcile (and deliver, with write-back). One module each.

Each takes a `Lane` (one source with its connector, normaliser, store and lake) and can be run alone, again, and after a
crash at any point: what it commits is either all of a batch (or of a cut) or nothing.
"""
