"""Which records may mean the same: texts made comparable, similarity and vetoes, the ladder. Pure."""
