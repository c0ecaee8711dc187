"""The tables as SQLAlchemy sees them: `canonical`, the public contract, and `engine`, private."""
