"""OData: pages cut into rows, and the queries that ask for them."""
