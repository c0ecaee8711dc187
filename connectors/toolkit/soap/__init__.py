"""SOAP over our own HTTP client: zeep builds and checks what is asked by the WSDL, lxml reads what is answered.

`wsdl` is the description of the interface, read from a file once per process; `answers` what an answer says, as JSON that keeps every
element; `client` the calls; `session` a login that cookies carry.
"""
