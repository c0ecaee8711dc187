"""What normalise records: claims, staged documents, quarantine, code gaps."""
