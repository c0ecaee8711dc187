"""The shape of the code, checked by machine: layers, names, what may be committed, what a new ERP owes."""
