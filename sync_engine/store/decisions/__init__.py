"""What people decided: its rows, and plans kept with what they would do and what they did."""
