"""Sources before and beside their runs: the doctor, discovery of companies, webhooks."""
