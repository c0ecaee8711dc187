"""Laws that hold for any data: property tests and worked examples."""
