"""Business Central lanes: from the wire of the simulator to canonical rows, as the command line runs them."""
