"""`make bench`: the engine beside its peers and the physical limit, on one machine, in one run."""
