"""What every connector must keep, and what Business Central's own does with the traps of its ERP."""
