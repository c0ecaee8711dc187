"""What pull records: sources and their streams, records that differ by hash, landed files, sweeps."""
