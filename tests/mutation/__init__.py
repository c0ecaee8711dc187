"""The pure core, broken one small way at a time: every break must be noticed by a test."""
