"""Who is believed: the policy as data, and the pure fold that resolves claims by it."""
