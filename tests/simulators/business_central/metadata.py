"""$metadata and entityDefinitions: what a client can find out about a version before it selects a field."""

from xml.sax.saxutils import quoteattr

from tests.simulators.business_central.schema import Catalogue, EntitySet, Field
from tests.simulators.business_central.wire import Edm, Json, JsonObject, encode_enum


def edmx(catalogue: Catalogue) -> bytes:
    """The EDMX document in namespace Microsoft.NAV, with only the fields this version has."""
    types = "".join(_entity_type(s, catalogue) for s in catalogue.sets.values())
    enums = "".join(
        f"<EnumType Name={quoteattr(name)}>"
        + "".join(f'<Member Name={quoteattr(m)} Value="{n}"/>' for n, m in enumerate(members))
        + "</EnumType>"
        for name, members in catalogue.enum_members().items()
    )
    sets = "".join(
        f'<EntitySet Name="{s.name}" EntityType="Microsoft.NAV.{s.entity}"/>' for s in catalogue.sets.values()
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        '<Schema Namespace="Microsoft.NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{types}{enums}<EntityContainer Name="NAV">{sets}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()


def _entity_type(entity: EntitySet, catalogue: Catalogue) -> str:
    fields = "".join(_property(entity, f) for f in entity.fields)
    navs = "".join(
        f'<NavigationProperty Name="{n.name}" Type="{_nav_type(catalogue, n.target, n.many)}"/>'
        for n in entity.navs
        if n.target in catalogue.sets
    )
    key = f'<Key><PropertyRef Name="{entity.key}"/></Key>'
    return f'<EntityType Name="{entity.entity}">{key}{fields}{navs}</EntityType>'


def _nav_type(catalogue: Catalogue, target: str, many: bool) -> str:
    name = f"Microsoft.NAV.{catalogue.sets[target].entity}"
    return f"Collection({name})" if many else name


def _property(entity: EntitySet, field: Field) -> str:
    kind = f"Microsoft.NAV.{entity.entity}_{field.name}" if field.edm is Edm.ENUM else field.edm.value
    length = f' MaxLength="{field.length}"' if field.length else ""
    return f'<Property Name="{field.name}" Type="{kind}"{length}/>'


def definitions(catalogue: Catalogue) -> list[JsonObject]:
    """Captions per language; the filter works on entityName only."""
    return [_definition(s) for s in catalogue.sets.values()]


def _caption(name: str) -> list[Json]:
    words = "".join(f" {c}" if c.isupper() else c for c in name).strip().capitalize()
    return [{"languageCode": 1033, "caption": words}]


def _definition(entity: EntitySet) -> JsonObject:
    enums: list[Json] = [
        {
            "name": f.name,
            "caption": _caption(f.name),
            "values": [{"name": encode_enum(o), "caption": o} for o in f.options],
        }
        for f in entity.fields
        if f.edm is Edm.ENUM
    ]
    properties: list[Json] = [
        {"name": f.name, "type": f.edm.value, "caption": _caption(f.name)} for f in entity.fields
    ]
    return {
        "entityName": entity.entity,
        "entitySetName": entity.name,
        "entityCaptions": _caption(entity.entity),
        "entitySetCaptions": _caption(entity.name),
        "properties": properties,
        "enumValues": enums,
        "actions": [],
    }
