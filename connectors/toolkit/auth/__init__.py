"""Logins in httpx's own shape (`auth_flow`), for `HttpClient(login=...)`: each request is signed in its slot, a 401 renews once.

`static` holds a user with a key and headers that never change, `oauth1` a signature per request, `entra` and `assertion` tokens that
are asked for. Secrets are references (`SecretRef`), resolved when they are needed and never part of a repr.
"""
