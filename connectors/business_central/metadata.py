"""What $metadata says, or entityDefinitions in its place: entity sets and their fields, so that nothing is asked for that this version lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from lxml import etree

from connectors.toolkit.rows import Fields, Row


@dataclass(frozen=True)
class Metadata:
    """Entity sets by name with the fields of their rows."""

    sets: dict[str, frozenset[str]] = field(default_factory=dict)
    stands_in: bool = False
    """It came from entityDefinitions, which lists no links from one set to another."""

    def has(self, entity_set: str, name: str = "") -> bool:
        """Whether a set, or a field of it, is there."""
        fields = self.sets.get(entity_set)
        return fields is not None and (not name or name in fields)


def read(edmx: bytes) -> Metadata | None:
    """Reads an EDMX document; None when it is none. No entity of it is resolved, no address of it is visited."""
    try:
        root = etree.fromstring(
            edmx, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, recover=False)
        )
    except etree.XMLSyntaxError:
        return None
    types: dict[str, frozenset[str]] = {}
    sets: dict[str, str] = {}
    for node in root.iter("{*}EntityType", "{*}EntitySet"):
        name = node.get("Name", "")
        if node.tag.endswith("}EntityType"):
            types[name] = frozenset(
                child.get("Name", "") for child in node.iterchildren("{*}Property", "{*}NavigationProperty")
            )
        else:
            sets[name] = node.get("EntityType", "").rpartition(".")[2]
    return Metadata({name: types.get(kind, frozenset()) for name, kind in sets.items()}) if sets else None


class _Named(msgspec.Struct):
    name: str = ""


class _Definition(msgspec.Struct):
    entity_set: str = msgspec.field(name="entitySetName", default="")
    properties: list[msgspec.Raw] = []


def defined(rows: Iterable[Row]) -> Metadata | None:
    """Reads entityDefinitions; None when they define nothing. [LIVE amp metadata/customers.json]"""
    named = Fields(_Named)
    definitions = Fields(_Definition).all(rows)
    sets = {
        row.entity_set: frozenset(field.name for field in named.all(row.properties))
        for row in definitions
        if row.entity_set
    }
    return Metadata(sets, stands_in=True) if sets else None
