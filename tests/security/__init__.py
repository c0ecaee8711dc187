"""What the engine holds, and what others wrote, does no harm: to terminals, spreadsheets, other accounts of the machine."""
