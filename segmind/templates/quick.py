"""The quick way for what most templates are made of: names, defaults, conditions, links.

A group of nodes becomes one function from the values of several recipients to their texts, many
times as quick as walking the nodes for each. What it gives is what the engine gives, to the letter
(a test holds the two equal): whatever is not plainly understood, in the template or in a value, is
left to the engine.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
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

from segmind.templates.links import LinkNode
from segmind.templates.recipients import Recipients

#: From recipients to the text of a group of nodes for each. Raises ``NotQuick``.
Quick = Callable[[Recipients], list[str]]
_Column = Callable[[Recipients], list[Any]]

#: Longer values and longer groups cost budget, which only the engine keeps.
LONGEST_VALUE: Final = 10_000
MOST_NODES: Final = 200

#: The engine's output makes a line feed of it, and one of it and a line feed that follows.
_RETURN: Final = "\r"

#: Names that the engine knows by itself, and segments that it reads in its own way.
_ENGINES_OWN: Final = frozenset({"now", "today"})
_ENGINES_SEGMENTS: Final = frozenset({"size", "first", "last"})

#: Parts texts that are treated all at once. Texts that hold it are treated one by one.
_BETWEEN: Final = "\x1e"


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
    parts: list[Quick] = []
    for node in nodes:
        part = _node(node, autoescape)
        if part is None:
            return None
        parts.append(part)
    if len(parts) == 1:
        return parts[0]
    return lambda who: [
        "".join(texts) for texts in zip(*[part(who) for part in parts], strict=True)
    ]


def _node(node: Node, autoescape: bool) -> Quick | None:
    kind = type(node)
    if kind is ContentNode:
        text: str = node.text  # type: ignore[attr-defined]
        return None if _RETURN in text else _constant(text)
    if kind is OutputNode:
        return _output(node, autoescape)  # type: ignore[arg-type]
    if kind is IfNode:
        return _condition(node, autoescape)  # type: ignore[arg-type]
    if kind is LinkNode:
        return _link(node, autoescape)  # type: ignore[arg-type]
    return None


def _constant(text: str) -> Quick:
    return lambda who: [text] * len(who)


def _block(block: BlockNode, autoescape: bool) -> Quick | None:
    inner = _sequence(block.nodes, autoescape)
    if inner is None or not block.blank:
        return inner
    return _constant("")  # the engine shows nothing of a blank block


# --- {{ name | default: "x" }} -------------------------------------------------------------------


def _output(node: OutputNode, autoescape: bool) -> Quick | None:
    expression = node.expression
    if type(expression) is not FilteredExpression:
        return None
    look = _path(expression.left)
    if look is None:
        return None
    if not expression.filters:
        return lambda who: _texts(look(who), autoescape)
    fallback = _default(expression, autoescape)
    if fallback is None:
        return None

    def show(who: Recipients) -> list[str]:
        values = look(who)
        texts = _texts(values, autoescape)
        if None in values or False in values or "" in values:
            for n, value in enumerate(values):
                if value is None or value is False or value == "":
                    texts[n] = fallback
        return texts

    return show


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


def _texts(values: Sequence[Any], autoescape: bool) -> list[str]:
    """The values as they are shown, in a list of its own."""
    texts = list(values) if set(map(type, values)) <= {str} else [_text(value) for value in values]
    if texts and (max(map(len, texts)) > LONGEST_VALUE or _RETURN in "".join(texts)):
        raise NotQuick
    return _all(_escaped, texts) if autoescape else texts


def _text(value: Any) -> str:
    kind = type(value)
    if kind is str:
        text: str = value
        return text
    if value is None:
        return ""
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    raise NotQuick


def _escaped(text: str) -> str:
    """Escaped as the engine does it, as a plain text."""
    return "".join((escape(text), ""))


def _all(treat: Callable[[str], str], texts: Sequence[str]) -> list[str]:
    """``treat`` of every text, where it treats sign by sign: one call for all of them."""
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) >= len(texts):
        return [treat(text) for text in texts]
    return treat(joined).split(_BETWEEN)


def _path(expression: Expression) -> _Column | None:
    """Finds the values of a dotted name, None where there is none."""
    if type(expression) is not Path:
        return None
    segments = expression.path
    if not all(type(segment) is str for segment in segments):
        return None
    root, rest = str(segments[0]), [str(segment) for segment in segments[1:]]
    if root in _ENGINES_OWN or _ENGINES_SEGMENTS.intersection(rest):
        return None

    def look(who: Recipients) -> list[Any]:
        values = who.column(root)
        for segment in rest:
            if set(map(type, values)) != {dict}:
                raise NotQuick
            values = [value.get(segment) for value in values]
        return values

    return look


# --- {% if %} ------------------------------------------------------------------------------------


def _condition(node: IfNode, autoescape: bool) -> Quick | None:
    if node.alternatives or type(node.condition) is not BooleanExpression:
        return None
    holds = _truth(node.condition.expression)
    then = _block(node.consequence, autoescape)
    other = _block(node.default, autoescape) if node.default else _constant("")
    if holds is None or then is None or other is None:
        return None

    def show(who: Recipients) -> list[str]:
        answers = holds(who)
        if all(answers):
            return then(who)
        if not any(answers):
            return other(who)
        both = zip(answers, then(who), other(who), strict=True)
        return [one if answer else another for answer, one, another in both]

    return show


def _truth(expression: Expression) -> Callable[[Recipients], list[bool]] | None:
    """Whether a condition of names, and, or holds: everything is true but false and nil."""
    if type(expression) is LogicalAndExpression or type(expression) is LogicalOrExpression:
        left, right = _truth(expression.left), _truth(expression.right)
        if left is None or right is None:
            return None
        meet = all if type(expression) is LogicalAndExpression else any
        return lambda who: [meet(pair) for pair in zip(left(who), right(who), strict=True)]
    look = _path(expression)
    if look is None:
        return None
    return lambda who: [value is not None and value is not False for value in look(who)]


# --- links ---------------------------------------------------------------------------------------


def _link(node: LinkNode, autoescape: bool) -> Quick | None:
    inner = _block(node.block, autoescape)
    if inner is None:
        return None
    track = node.track
    if all(type(each) is ContentNode for each in node.block.nodes):
        written = "" if node.block.blank else "".join(each.text for each in node.block.nodes)  # type: ignore[attr-defined]
        if autoescape:
            written = html.unescape(written)

        def follow_written(who: Recipients) -> list[str]:
            found = who.links.followed_by_all(written, track=track)
            return _all(html.escape, found) if autoescape else found

        return follow_written

    def follow(who: Recipients) -> list[str]:
        addresses = inner(who)
        if autoescape:
            addresses = [html.unescape(address) for address in addresses]
        found = who.links.followed(addresses, track=track)
        return _all(html.escape, found) if autoescape else found

    return follow
