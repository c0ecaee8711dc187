"""Answers of SOAP as JSON, element by element, by the types of the WSDL. No object of zeep is made of an answer.

Numbers keep their digits, texts their blanks; nil is null. An element that the WSDL does not know is kept as text, and costs nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
from lxml import etree

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Fault(NamedTuple):
    """Why a call was refused: whose fault it is (`soap:Client`, `soap:Server`), and the other side's sentence."""

    code: str
    text: str


def parsed(body: bytes) -> Any:
    """What stands in the Body of an envelope: the element of the answer, or a Fault; None where it is no envelope or an empty one.

    One with a document type is none: SOAP forbids it, and its entities may grow without end. [SOAP 1.1, 3]
    """
    if b"<!DOCTYPE" in body:
        return None
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    inside = root.find(f"{{{ENVELOPE}}}Body") if root.tag == f"{{{ENVELOPE}}}Envelope" else None
    if inside is None or not len(inside):
        return None
    found = inside[0]
    if found.tag != f"{{{ENVELOPE}}}Fault":
        return found
    return Fault((found.findtext("faultcode") or "").strip(), (found.findtext("faultstring") or "").strip())


def fault_in(body: bytes) -> Fault | None:
    """The fault that a body tells, if it tells one."""
    found = parsed(body) if b"Fault" in body[:2000] else None
    return found if isinstance(found, Fault) else None


class Leaf:
    """A simple value: text, a number, true or false. What is none of its kind stays text, for the mapping to refuse."""

    def __init__(self, kind: str = "") -> None:
        self._kind = kind

    def value(self, node: Any) -> Any:
        """What an element says; None for nil, and for a number or flag left blank."""
        text: str | None = node.text
        if text is None:
            return None if self._kind or node.get(_NIL) in ("true", "1") else ""
        if not self._kind:
            return text
        text = text.strip()
        if self._kind == "flag":
            return _FLAGS.get(text, text or None)
        return msgspec.Raw(text.encode()) if _NUMBER.fullmatch(text) else _in_json(text)


def _in_json(text: str) -> Any:
    """A decimal as XML may write it and JSON does not: `+1`, `.5`, `007`."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text or None
    return msgspec.Raw(f"{number:f}".encode()) if number.is_finite() else text


class Node:
    """A complex value of one type of the WSDL, as an object; of an array, `items` are its elements."""

    def __init__(self, members: Any) -> None:
        self._declared = members

    @cached_property
    def _members(self) -> Mapping[str, tuple[str, Leaf | Node, bool]]:
        return {
            element.qname.text: (name, reader_of(element.type), element.max_occurs != 1)
            for name, element in self._declared
        }

    def value(self, node: Any) -> Any:
        """What an element says; None for nil."""
        if not len(node) and node.get(_NIL) in ("true", "1"):
            return None
        found, members = dict[str, Any](), self._members
        for child in node:
            known = members.get(child.tag)
            if known is None:
                found[etree.QName(child).localname] = "".join(child.itertext())
            elif known[2]:
                found.setdefault(known[0], []).append(known[1].value(child))
            else:
                found[known[0]] = known[1].value(child)
        return found

    def items(self, node: Any) -> list[Any]:
        """The elements of an array; those that are nil are left out."""
        readers = {tag: member[1] for tag, member in self._members.items()}
        found = (readers[child.tag].value(child) for child in node if child.tag in readers)
        return [item for item in found if item is not None]


def reader_of(kind: Any) -> Leaf | Node:
    """How values of a type of zeep's are read."""
    from zeep.xsd import ComplexType  # zeep is slow to import
    from zeep.xsd.types import builtins

    if isinstance(kind, ComplexType):
        return Node(kind.elements)
    if isinstance(kind, builtins.Decimal | builtins.Float | builtins.Double):
        return Leaf("number")
    return Leaf("flag" if isinstance(kind, builtins.Boolean) else "")
