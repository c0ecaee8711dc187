"""$filter as Business Central understands it: parsed, checked against the entity, compiled to a predicate.

Facts kept: `or` works on one field only, lambdas are silently ignored, GUIDs and datetimes stand unquoted, enum
members may be written decoded or encoded, unknown properties are refused (odata-known-limitations; captured errors).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.simulators.business_central.errors import ODataError, bad_request, unknown_property
from tests.simulators.business_central.schema import EntitySet, Field
from tests.simulators.business_central.wire import NO_DATE, NO_STAMP, NULL_GUID, Edm, decode_enum, read_stamp
from tests.simulators.business_central.world import Company

Predicate = Callable[[Company, Any], bool]
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<stamp>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)|(?P<lambda>[A-Za-z_]\w*/(?:any|all)\()|(?P<name>[A-Za-z_][\w/]*)"
    r"|(?P<sign>[(),:]))"
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
}
TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": lambda a, b: b in a,
}


@dataclass(frozen=True)
class Filter:
    """A compiled filter and the `field eq literal` pairs that every match must satisfy."""

    matches: Predicate
    equalities: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """A parsed part: its predicate, the fields it uses, and its mandatory equalities."""

    matches: Predicate
    fields: frozenset[str]
    equalities: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Operand:
    """A field (perhaps through tolower or toupper) or a literal."""

    field: Field | None
    read: Callable[[Company, Any], Any]
    kind: str = ""
    literal: str = ""


def everything(company: Company, row: Any) -> bool:
    """No filter."""
    return True


def parse_filter(source: str, entity: EntitySet, schema_version: str = "2.0") -> Filter:
    """Compile; raises ODataError 400 with the documented texts."""
    parser = _Parser(source, entity, schema_version)
    node = parser.alternatives()
    parser.expect_end()
    return Filter(node.matches, dict(node.equalities))


def comparable(edm: Edm, value: object) -> Any:
    """A stored value as filters compare it: blanks are the blank of their type."""
    match edm:
        case Edm.GUID:
            return str(value or NULL_GUID).lower()
        case Edm.DATE:
            return value or NO_DATE
        case Edm.STAMP:
            return value or NO_STAMP
        case Edm.ENUM:
            return str(value or " ")
        case Edm.TEXT:
            return "" if value is None else str(value)
        case _:
            return value


class _Parser:
    def __init__(self, source: str, entity: EntitySet, schema_version: str) -> None:
        self.source, self.entity, self.schema_version = source, entity, schema_version
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(source.rstrip()):
            found = TOKEN.match(source, position)
            if found is None:
                raise bad_request(f"Syntax error at position {position} in '{source}'.")
            self.tokens.append((str(found.lastgroup), found.group(str(found.lastgroup))))
            position = found.end()
        self.at = 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, sign: str) -> None:
        if self.take() != ("sign", sign):
            raise self.syntax_error()

    def expect_end(self) -> None:
        if self.peek()[0] != "end":
            raise self.syntax_error()

    def syntax_error(self) -> ODataError:
        return bad_request(f"Syntax error at position {self.at} in '{self.source}'.")

    def alternatives(self) -> Node:
        node = self.conjunction()
        while self.peek() == ("name", "or"):
            self.take()
            node = self.either(node, self.conjunction())
        return node

    def either(self, left: Node, right: Node) -> Node:
        if len(left.fields | right.fields) > 1:
            raise bad_request("The 'OR' operator is not supported on distinct fields on an OData filter.")
        one, other = left.matches, right.matches
        return Node(lambda c, row: one(c, row) or other(c, row), left.fields | right.fields)

    def conjunction(self) -> Node:
        node = self.primary()
        while self.peek() == ("name", "and"):
            self.take()
            right = self.primary()
            node = self.both(node, right)
        return node

    def both(self, left: Node, right: Node) -> Node:
        one, other = left.matches, right.matches
        fields, equalities = left.fields | right.fields, left.equalities + right.equalities
        return Node(lambda c, row: one(c, row) and other(c, row), fields, equalities)

    def primary(self) -> Node:
        kind, word = self.peek()
        if (kind, word) == ("sign", "("):
            self.take()
            node = self.alternatives()
            self.expect(")")
            return node
        if kind == "lambda":
            return self.ignored_lambda()
        if word in TEXT_TESTS:
            return self.text_test()
        if (kind, word) == ("name", "not"):
            raise bad_request("The 'Not' operator is not supported on an OData filter.")
        return self.comparison()

    def ignored_lambda(self) -> Node:
        """any() and all() have no effect at all."""
        self.take()
        depth = 1
        while depth and self.peek()[0] != "end":
            kind, word = self.take()
            depth += (kind == "lambda" or word == "(") - (word == ")")
        return Node(everything, frozenset())

    def text_test(self) -> Node:
        test = TEXT_TESTS[self.take()[1]]
        self.expect("(")
        left = self.operand()
        self.expect(",")
        right = self.operand()
        self.expect(")")
        if left.field is None:
            raise self.syntax_error()
        read, given = left.read, self.unquote(right)
        return Node(lambda c, row: test(str(read(c, row)), given), frozenset({left.field.name}))

    def unquote(self, operand: Operand) -> str:
        if operand.kind != "string":
            raise self.syntax_error()
        return operand.literal[1:-1].replace("''", "'")

    def comparison(self) -> Node:
        left = self.operand()
        _, operator = self.take()
        if operator == "in":
            return self.membership(left)
        compare = COMPARISONS.get(operator)
        if compare is None:
            raise self.syntax_error()
        right = self.operand()
        if left.field is None and right.field is not None:
            mirror = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
            left, right, compare = right, left, COMPARISONS[mirror.get(operator, operator)]
        if left.field is None:
            raise self.syntax_error()
        value = self.literal(left.field, right, operator)
        read, name = left.read, left.field.name
        sure = ((name, value),) if operator == "eq" else ()
        return Node(lambda c, row: compare(read(c, row), value), frozenset({name}), sure)

    def membership(self, left: Operand) -> Node:
        if self.schema_version < "2.1" or left.field is None:
            raise bad_request("The 'In' operator is not supported on an OData filter in this schema version.")
        self.expect("(")
        values = [self.literal(left.field, self.operand(), "eq")]
        while self.peek() == ("sign", ","):
            self.take()
            values.append(self.literal(left.field, self.operand(), "eq"))
        self.expect(")")
        read = left.read
        return Node(lambda c, row: read(c, row) in values, frozenset({left.field.name}))

    def operand(self) -> Operand:
        kind, word = self.take()
        if kind == "end":
            raise self.syntax_error()
        if kind != "name" or word in ("true", "false", "null"):
            return Operand(None, lambda c, row: None, kind, word)
        if word in ("tolower", "toupper"):
            self.expect("(")
            inner = self.operand()
            self.expect(")")
            change, read = (str.lower if word == "tolower" else str.upper), inner.read
            if inner.field is None:
                return Operand(None, inner.read, inner.kind, change(inner.literal))
            return Operand(inner.field, lambda c, row: change(str(read(c, row))))
        found = self.entity.field(word)
        if found is None:
            raise unknown_property(word, self.entity.entity)
        edm, get = found.edm, found.get
        return Operand(found, lambda c, row: comparable(edm, get(c, row)))

    def literal(self, owner: Field, given: Operand, operator: str) -> Any:
        """The literal as the field's type; a wrong kind is the incompatible-types error."""
        try:
            return self.typed(owner, given.kind, given.literal)
        except (ValueError, InvalidOperation):
            names = {"eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual"}
            kinds = {
                "string": "Edm.String",
                "guid": "Edm.Guid",
                "date": "Edm.Date",
                "stamp": "Edm.DateTimeOffset",
            }
            raise bad_request(
                "A binary operator with incompatible types was detected. Found operand types "
                f"'{owner.edm}' and '{kinds.get(given.kind, 'Edm.Int32')}' for operator kind "
                f"'{names.get(operator, 'LessThan')}'."
            ) from None

    def typed(self, owner: Field, kind: str, word: str) -> Any:
        match owner.edm, kind:
            case Edm.TEXT, "string":
                return word[1:-1].replace("''", "'")
            case Edm.ENUM, "string":
                return self.member(owner, decode_enum(word[1:-1].replace("''", "'")))
            case Edm.GUID, "guid":
                return word.lower()
            case Edm.DATE, "date":
                return date.fromisoformat(word)
            case Edm.STAMP, ("stamp" | "date"):
                return read_stamp(word)
            case ((Edm.INT | Edm.LONG | Edm.DECIMAL), "number"):
                return Decimal(word)
            case Edm.BOOL, "name" if word in ("true", "false"):
                return word == "true"
        raise ValueError(word)

    def member(self, owner: Field, word: str) -> str:
        if owner.options and word not in owner.options and word != "":
            known = ",".join(owner.options)
            raise bad_request(f"'{word}' is not an option. The existing options are: {known}", "Unknown")
        return word or " "
