"""The small ways to break a module: comparisons, conditions, constants, arithmetic, arguments, slices, sort keys, returns, whole statements."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from types import CodeType
from typing import Any, NamedTuple

OTHERS: dict[type[ast.AST], tuple[type[Any], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,), ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "partition": "rpartition", "rpartition": "partition",
         "startswith": "endswith", "add": "discard", "isdigit": "isalpha", "upper": "lower", "casefold": "upper"}  # fmt: skip
LEFT_AWAY = {"casefold", "upper", "strip", "lstrip"}
STEP = 0.05
"""How far a threshold or a weight is moved."""
UNSEEN = {"annotation", "returns", "decorator_list", "bases", "ctx"}
Put = Callable[[ast.AST], None]


class Mutant(NamedTuple):
    """A module with one change: in which function, on which line, what it was and what it is now."""

    module: str
    place: str
    line: int
    before: str
    after: str
    code: CodeType


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every module that differs from this one in one small way, compiled. Tables of words at the top of a module are data, and left alone."""
    tree = ast.parse(source)
    for place, line, node, put in _parts(tree, "", 0):
        for other in _others(node, in_function=bool(place)):
            put(other)
            code = compile(ast.fix_missing_locations(deepcopy(tree)), f"{module}.py", "exec")
            put(node)
            yield Mutant(module, place, line, _text(node), _text(other), code)


def _parts(node: ast.AST, place: str, line: int) -> Iterator[tuple[str, int, ast.AST, Put]]:
    """Every part that runs, with the function and the line it is in, and how another is put in its place."""
    for name, value in ast.iter_fields(node):
        if name in UNSEEN:
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _only_tells(child):
                continue
            inside = f"{place}.{child.name}".lstrip(".") if isinstance(child, ast.FunctionDef) else place
            at = getattr(child, "lineno", line)
            yield inside, at, child, _putter(node, name, value, index)
            yield from _parts(child, inside, at)


def _putter(node: ast.AST, name: str, value: Any, index: int) -> Put:
    def put(other: ast.AST) -> None:
        if isinstance(value, list):
            value[index] = other
        else:
            setattr(node, name, other)

    return put


def _only_tells(node: ast.AST) -> bool:
    """Docstrings, descriptions of settings, imports."""
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return (
        docstring
        or isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.keyword) and node.arg == "description")
    )


def _is_none(node: ast.AST | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _text(node: ast.AST) -> str:
    return ast.unparse(node).partition("\n")[0] or type(node).__name__


def _others(node: ast.AST, *, in_function: bool) -> Iterator[ast.AST]:
    """What may stand in place of a node."""
    yield from (other() for other in OTHERS.get(type(node), ()))
    yield from _other_words(node, in_function=in_function)
    yield from _other_conditions(node)
    yield from _other_calls(node)
    if in_function:
        yield from _other_tuples(node)
        yield from _other_statements(node)


def _other_words(node: ast.AST, *, in_function: bool) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(float(value)):
            yield from (ast.Constant(round(value + STEP, 3)), ast.Constant(round(value - STEP, 3)))
        case ast.Constant(str(value)) if in_function:
            yield ast.Constant(f"XX{value}")
        case ast.Name(name) if name in NAMES:
            yield ast.Name(NAMES[name], node.ctx)
        case ast.Attribute(attr=name) if name in NAMES:
            yield _with(node, attr=NAMES[name])


def _other_conditions(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BoolOp(op, values):
            yield from (ast.BoolOp(op, rest) if len(rest) > 1 else rest[0] for rest in _without_one(values))
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.If(test) | ast.IfExp(test):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=ifs):
            yield from (_with(node, ifs=rest) for rest in _without_one(ifs))


def _other_calls(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Slice(lower, upper):
            yield from (
                _with(node, **{end: None}) for end, there in (("lower", lower), ("upper", upper)) if there
            )
        case ast.Call(function, arguments, keywords):
            yield from (
                _with(node, keywords=rest)
                for k, rest in zip(keywords, _without_one(keywords), strict=True)
                if not _only_tells(k)
            )
            yield from (
                _with(node, args=[*arguments[:n], ast.Constant(None), *arguments[n + 1 :]])
                for n, a in enumerate(arguments)
                if not _is_none(a)
            )
            if isinstance(function, ast.Attribute) and function.attr in LEFT_AWAY:
                yield function.value


def _other_tuples(node: ast.AST) -> Iterator[ast.AST]:
    """Without one of several members; of a sort key, say."""
    if (
        isinstance(node, ast.Tuple | ast.Set | ast.List)
        and len(node.elts) > 1
        and not isinstance(getattr(node, "ctx", None), ast.Store)
    ):
        yield from (_with(node, elts=rest) for rest in _without_one(node.elts))


def _other_statements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Return(value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Expr() | ast.Assign() | ast.AugAssign() | ast.Raise() | ast.For() | ast.While() | ast.If():
            yield ast.Pass()
    if isinstance(node, ast.Assign | ast.AnnAssign) and not _is_none(node.value):
        yield _with(node, value=ast.Constant(None))


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    other = type(node)(**dict(ast.iter_fields(node)) | fields)
    return ast.copy_location(other, node)


def _without_one(parts: list[Any]) -> Iterator[list[Any]]:
    yield from (parts[:n] + parts[n + 1 :] for n in range(len(parts)))
