"""What people decide about who is who and which value holds: planned, applied, undone."""
