"""The pages of `docs/` that are written by a program, and the proof that every page is true."""
