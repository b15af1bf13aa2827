"""The quick way for what most templates are made of: names, defaults, conditions, links.

A group of nodes becomes one function from values to text, about twenty times as quick as walking
the nodes. What it gives is what the engine gives, to the letter (a test holds the two equal):
whatever is not plainly understood, in the template or in a value, is left to the engine.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from liquid import Markup
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    LogicalAndExpression,
    LogicalOrExpression,
)
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.expression import Expression
from markupsafe import escape

from segmind.templates.links import KEY, Box, LinkNode, Links

#: From values to the text of a group of nodes. Raises ``NotQuick``.
Quick = Callable[[Mapping[str, Any]], str]

#: Longer values and longer groups cost budget, which only the engine keeps.
LONGEST_VALUE: Final = 10_000
MOST_NODES: Final = 200

#: The engine's output makes a line feed of it, and one of it and a line feed that follows.
_RETURN: Final = "\r"

#: Names that the engine knows by itself, and segments that it reads in its own way.
_ENGINES_OWN: Final = frozenset({"now", "today"})
_ENGINES_SEGMENTS: Final = frozenset({"size", "first", "last"})

#: What is the same for everybody: a text of it alone is made once for a whole batch.
_SHARED_NAME: Final = "shop"
#: Longer values are not kept in their escaped form.
_LONGEST_KEPT: Final = 200


class NotQuick(Exception):
    """A value is not one of the usual ones: the engine has to look at it."""


def quick(nodes: Sequence[Node], *, autoescape: bool) -> Quick | None:
    """One function for all of ``nodes``; None if there is one that only the engine understands."""
    if _count(nodes) > MOST_NODES:
        return None
    return _sequence(nodes, autoescape)


def _count(nodes: Sequence[Node]) -> int:
    total = 0
    for node in nodes:
        inner = list(node.nodes) if isinstance(node, BlockNode) else []
        if isinstance(node, IfNode):
            inner = [node.consequence, *([node.default] if node.default else [])]
        elif isinstance(node, LinkNode):
            inner = [node.block]
        total += 1 + _count(inner)
    return total


def _sequence(nodes: Sequence[Node], autoescape: bool) -> Quick | None:
    made: list[tuple[Quick, bool]] = []
    for node in nodes:
        part = _node(node, autoescape)
        if part is None:
            return None
        made.append((part, _is_shared(node)))
    parts: list[Quick] = []
    for shared, run in groupby(made, key=lambda pair: pair[1]):
        if shared:
            parts.append(_once(_one_after_other([part for part, _ in run])))
        else:
            parts.extend(part for part, _ in run)
    return _one_after_other(parts)


def _one_after_other(parts: Sequence[Quick]) -> Quick:
    if len(parts) == 1:
        return parts[0]
    return lambda values: "".join([part(values) for part in parts])


def _once(part: Quick) -> Quick:
    """``part``, which reads of the values only the shared ones: made anew when these are others.

    Whoever renders many messages gives each the same object, so one look tells.
    """
    last: tuple[object, str] = (None, "")

    def show(values: Mapping[str, Any]) -> str:
        nonlocal last
        shared = values.get(_SHARED_NAME)
        known, text = last
        if shared is known and known is not None:
            return text
        text = part(values)
        last = (shared, text)
        return text

    return show


def _is_shared(node: Node) -> bool:
    """Whether the node's text hangs on shared values alone; a plain text needs no keeping."""
    return type(node) is not ContentNode and all(root == _SHARED_NAME for root in _roots(node))


def _roots(node: Node) -> Iterator[str | None]:
    """The first segment of every name that a node reads; None for what is not understood here."""
    kind = type(node)
    if kind is ContentNode:
        return
    if kind is OutputNode:
        expression = node.expression  # type: ignore[attr-defined]
        yield _root(expression.left) if type(expression) is FilteredExpression else None
    elif kind is IfNode:
        yield from _roots_of_truth(node.condition)  # type: ignore[attr-defined]
        blocks = [node.consequence, node.default]  # type: ignore[attr-defined]
        for inner in (each for block in blocks if block for each in block.nodes):
            yield from _roots(inner)
    else:
        yield None


def _roots_of_truth(expression: Any) -> Iterator[str | None]:
    if type(expression) is BooleanExpression:
        yield from _roots_of_truth(expression.expression)
    elif type(expression) is LogicalAndExpression or type(expression) is LogicalOrExpression:
        yield from _roots_of_truth(expression.left)
        yield from _roots_of_truth(expression.right)
    else:
        yield _root(expression)


def _root(expression: Any) -> str | None:
    return str(expression.path[0]) if type(expression) is Path else None


def _node(node: Node, autoescape: bool) -> Quick | None:
    kind = type(node)
    if kind is ContentNode:
        text = node.text  # type: ignore[attr-defined]
        if _RETURN in text:
            return None
        return lambda values: text  # noqa: ARG005 - a text needs no values
    if kind is OutputNode:
        return _output(node, autoescape)  # type: ignore[arg-type]
    if kind is IfNode:
        return _condition(node, autoescape)  # type: ignore[arg-type]
    if kind is LinkNode:
        return _link(node, autoescape)  # type: ignore[arg-type]
    return None


def _block(block: BlockNode, autoescape: bool) -> Quick | None:
    inner = _sequence(block.nodes, autoescape)
    if inner is None or not block.blank:
        return inner
    return lambda values: ""  # noqa: ARG005 - the engine shows nothing of a blank block


# --- {{ name | default: "x" }} -------------------------------------------------------------------


def _output(node: OutputNode, autoescape: bool) -> Quick | None:
    expression = node.expression
    if type(expression) is not FilteredExpression:
        return None
    look = _path(expression.left)
    if look is None:
        return None
    if not expression.filters:
        return _shown(look, autoescape)
    fallback = _default(expression, autoescape)
    return None if fallback is None else _shown_or(look, fallback, autoescape)


def _default(expression: FilteredExpression, autoescape: bool) -> str | None:
    """The text of a lone ``default`` filter, as it is shown; None for any other filters."""
    filters = expression.filters or []
    if len(filters) != 1 or filters[0].name != "default" or len(filters[0].args) != 1:
        return None
    value = getattr(filters[0].args[0], "value", None)
    if type(value) is not StringLiteral or getattr(filters[0].args[0], "name", None):
        return None
    if len(value.value) > LONGEST_VALUE or _RETURN in value.value:
        return None
    # A text written in the template is the author's: where values are escaped, it is not.
    return str(Markup(value.value)) if autoescape else value.value


def _shown(look: Callable[[Mapping[str, Any]], Any], autoescape: bool) -> Quick:
    def show(values: Mapping[str, Any]) -> str:
        return _text(look(values), autoescape)

    return show


def _shown_or(look: Callable[[Mapping[str, Any]], Any], fallback: str, autoescape: bool) -> Quick:
    def show(values: Mapping[str, Any]) -> str:
        value = look(values)
        if value is None or value is False or value == "":
            return fallback
        return _text(value, autoescape)

    return show


def _text(value: Any, autoescape: bool) -> str:
    kind = type(value)
    if kind is str:
        text: str = value
        if len(text) > LONGEST_VALUE or _RETURN in text:
            raise NotQuick
        if not autoescape:
            return text
        return _escaped(text) if len(text) <= _LONGEST_KEPT else "".join((escape(text), ""))
    if value is None:
        return ""
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    raise NotQuick


@lru_cache(maxsize=4_096)
def _escaped(value: str) -> str:
    """Escaped as the engine does it, as a plain text: first names recur."""
    return "".join((escape(value), ""))


def _path(expression: Expression) -> Callable[[Mapping[str, Any]], Any] | None:
    """Finds the value of a dotted name, None where there is none."""
    if type(expression) is not Path:
        return None
    segments = expression.path
    if not all(type(segment) is str for segment in segments):
        return None
    root, rest = str(segments[0]), [str(segment) for segment in segments[1:]]
    if root in _ENGINES_OWN or _ENGINES_SEGMENTS.intersection(rest):
        return None
    if not rest:
        return lambda values: values.get(root)
    if len(rest) == 1:
        only = rest[0]

        def look_below(values: Mapping[str, Any]) -> Any:
            value = values.get(root)
            if type(value) is not dict:
                raise NotQuick
            return value.get(only)

        return look_below

    def look(values: Mapping[str, Any]) -> Any:
        value = values.get(root)
        for segment in rest:
            if type(value) is not dict:
                raise NotQuick
            value = value.get(segment)
        return value

    return look


# --- {% if %} ------------------------------------------------------------------------------------


def _condition(node: IfNode, autoescape: bool) -> Quick | None:
    if node.alternatives or type(node.condition) is not BooleanExpression:
        return None
    holds = _truth(node.condition.expression)
    then = _block(node.consequence, autoescape)
    other = _block(node.default, autoescape) if node.default else lambda values: ""  # noqa: ARG005
    if holds is None or then is None or other is None:
        return None
    return lambda values: then(values) if holds(values) else other(values)


def _truth(expression: Expression) -> Callable[[Mapping[str, Any]], bool] | None:
    """Whether a condition of names, and, or holds: everything is true but false and nil."""
    if type(expression) is LogicalAndExpression or type(expression) is LogicalOrExpression:
        left, right = _truth(expression.left), _truth(expression.right)
        if left is None or right is None:
            return None
        if type(expression) is LogicalAndExpression:
            return lambda values: left(values) and right(values)
        return lambda values: left(values) or right(values)
    look = _path(expression)
    if look is None:
        return None

    def holds(values: Mapping[str, Any]) -> bool:
        value = look(values)
        return value is not None and value is not False

    return holds


# --- links ---------------------------------------------------------------------------------------


def _link(node: LinkNode, autoescape: bool) -> Quick | None:
    inner = _block(node.block, autoescape)
    if inner is None:
        return None
    track = node.track
    if all(type(each) is ContentNode for each in node.block.nodes):
        written = inner({})
        if autoescape:
            written = html.unescape(written)

        def follow_written(values: Mapping[str, Any]) -> str:
            found = _links_of(values).followed(written, track=track)
            return html.escape(found) if autoescape else found

        return follow_written

    def follow(values: Mapping[str, Any]) -> str:
        address = inner(values)
        if not autoescape:
            return _links_of(values).followed(address, track=track)
        return html.escape(_links_of(values).followed(html.unescape(address), track=track))

    return follow


def _links_of(values: Mapping[str, Any]) -> Links:
    box = values.get(KEY)
    return box.links if isinstance(box, Box) else Links()
