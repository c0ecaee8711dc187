"""Many runs in a row, with faults and kills, and nothing left over."""
