"""Links, ownership and policy on PostgreSQL: what people and rules decide, and that all of it can be taken back."""
