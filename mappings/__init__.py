"""Mappings: payloads as received become canonical drafts.

`toolkit` holds the field types, turns bytes into rows and rows into drafts, and knows the rules a person declares in YAML. One
package per product holds its mapping models: two-column tables, the canonical field on the left, the name on the wire on
the right. Nothing here talks to a network, a database or a clock.
"""
