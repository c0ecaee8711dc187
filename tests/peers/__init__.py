"""Real servers beside us, for `make peers`: what a machine has to have installed, and says so where it has not."""
