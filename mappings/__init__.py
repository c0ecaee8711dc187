"""Mappings: payloads as received become canonical drafts.

`fields` holds the field types, `reading` turns bytes into rows, `rules` the rules a person declares in YAML. One module or
package per product holds its mapping models: two-column tables, the canonical field on the left, the name on the wire on
the right. Nothing here talks to a network, a database or a clock.
"""
