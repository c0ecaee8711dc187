"""What a cut does in its one transaction: links, folds, documents, ledger entries, what cannot be published yet."""
