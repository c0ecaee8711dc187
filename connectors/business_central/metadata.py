"""What $metadata says: entity sets and their fields, so that nothing is asked for that this version lacks."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree


@dataclass(frozen=True)
class Metadata:
    """Entity sets by name with the fields of their rows."""

    sets: dict[str, frozenset[str]] = field(default_factory=dict)

    def has(self, entity_set: str, name: str = "") -> bool:
        """Whether a set, or a field of it, is there."""
        fields = self.sets.get(entity_set)
        return fields is not None and (not name or name in fields)


def read(edmx: bytes) -> Metadata | None:
    """Reads an EDMX document; None when it is none. No entity of it is resolved, no address of it is visited."""
    try:
        root = etree.fromstring(edmx, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, recover=False))
    except etree.XMLSyntaxError:
        return None
    types: dict[str, frozenset[str]] = {}
    sets: dict[str, str] = {}
    for node in root.iter("{*}EntityType", "{*}EntitySet"):
        name = node.get("Name", "")
        if node.tag.endswith("}EntityType"):
            types[name] = frozenset(child.get("Name", "") for child in node.iterchildren("{*}Property", "{*}NavigationProperty"))
        else:
            sets[name] = node.get("EntityType", "").rpartition(".")[2]
    return Metadata({name: types.get(kind, frozenset()) for name, kind in sets.items()}) if sets else None
