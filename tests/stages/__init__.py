"""The stages end to end over the simulator: what arrives, what is kept, and what a crash or a fault may not do."""
