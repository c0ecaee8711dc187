"""What mappings share and no product owns: field types, rows of a batch, how a row becomes a draft, rules that a person declares."""
