"""Business Central against its simulator: what it is asked, what it refuses, what it hides."""
