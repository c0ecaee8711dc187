"""HTTP: one client with the only retry loop, its errors, what may be told of a request, and what one login may ask for."""
