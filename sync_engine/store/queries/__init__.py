"""What operators and readers ask the store; nothing here writes."""
