"""From one end to the other, as a reader of the README does it."""
