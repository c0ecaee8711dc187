"""What connectors share and no product owns.

`http` is the one client with the only retry loop, limits shared by login, and errors in our tree; `auth` the logins; `pagination` the
one walk and `paginators` its styles; `rows` splits pages without parsing their rows; `odata` is that protocol; `settings` holds the
base of settings and secrets by reference; `external_sort` orders what does not fit into memory; `declared` is for sources whose rows
the YAML declares.
"""
