"""The simulators are themselves tested: each quirk they claim to have is shown once."""
