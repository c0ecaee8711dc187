"""Running a source: all of it, one debtor, from the lake, or only for the look of it."""
