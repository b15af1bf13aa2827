"""Liquid with limits: what a template may cost, and which filters and tags it has.

Templates are written by people who may be mistaken or hostile. Every loop, filter and output is
charged to one budget per rendering, so that the worst template ends with an error in well under a
second, and nothing but plain data can be reached from one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final, TextIO

from liquid import Environment, Mode, Token
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidInterrupt, ResourceLimitError
from liquid.expression import Expression
from liquid.template import BoundTemplate
from liquid.undefined import is_undefined

from segmind import clock

#: Longest source of one field, longest output, longest text and list inside a template.
LONGEST_SOURCE: Final = 256 * 1024
LONGEST_OUTPUT: Final = 1024 * 1024
LONGEST_TEXT: Final = 100_000
LONGEST_LIST: Final = 1_000
LONGEST_RANGE: Final = 10_000
LARGEST_NUMBER: Final = 10**18
#: Steps of one rendering: a loop costs its rounds times what is in it, a filter 1 and 1 per KB.
BUDGET: Final = 100_000

_TAGS_LEFT_OUT: Final = ("include", "render", "tablerow", "doc")
_FILTERS_LEFT_OUT: Final = ("safe",)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a template cannot be parsed or rendered; ``line`` counts from 1 in the given source."""

    message: str
    line: int | None
    hint: str = ""


class Limit(ResourceLimitError):
    """A rendering costs more than it may."""


class BoundedContext(RenderContext):
    """A render context with a budget."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left = BUDGET
        self.loop_weight = 1

    def spend(self, steps: int) -> None:
        """Charges ``steps`` to the budget."""
        self.left -= steps
        if self.left < 0:
            raise Limit("The template does too much work.", token=None)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.spend(length * self.loop_weight)
        super().raise_for_loop_limit(length)

    def assign(self, key: str, val: Any) -> None:
        if isinstance(val, str) and len(val) > LONGEST_TEXT:
            raise Limit("A text grows too long.", token=None)
        self.spend(1)
        super().assign(key, val)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        function = super().filter(name, token)

        def charged(value: Any, *args: Any, **kwargs: Any) -> object:
            for given in (value, *args):
                self.spend(1 + _weight(given) // 1000)
            return _bounded(function(value, *args, **kwargs))

        return charged


class BoundedTemplate(BoundTemplate):
    context_class: ClassVar[type[RenderContext]] = BoundedContext  # type: ignore[misc]


class BoundedForNode(ForNode):
    """A loop that tells the context how much is in it."""

    _within: int = 0

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if isinstance(context, BoundedContext):
            context.loop_weight = self._within or self._count(context)
        return super().render_to_output(context, buffer)

    def _count(self, context: RenderContext) -> int:
        # One level: an inner loop charges its own rounds each time it is entered.
        self._within = 1 + sum(_size(node, context) for node in self.children(context))
        return self._within


class BoundedForTag(ForTag):
    node_class = BoundedForNode


class BoundedRange(RangeLiteral):
    """``(a..b)`` of bearable length: elsewhere it would be counted out or made a list."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        made = super().evaluate(context)
        if made.stop - made.start > LONGEST_RANGE:
            raise Limit(f"A range has more than {LONGEST_RANGE:,} numbers.", token=self.token)
        return made


class Language(Environment):
    """Liquid as templates may use it."""

    loop_iteration_limit = 10_000
    local_namespace_limit = 1_000_000
    output_stream_limit = LONGEST_OUTPUT
    context_depth_limit = 20
    block_nesting_limit = 20
    template_class = BoundedTemplate

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, tolerance=Mode.STRICT)
        self.add_tag(BoundedForTag)
        for name in _TAGS_LEFT_OUT:
            self.tags.pop(name, None)
        for name in _FILTERS_LEFT_OUT:
            self.filters.pop(name, None)
        self.filters |= {
            "date": _date,
            "join": _careful_join(self.filters["join"]),
            "replace": _careful_replace(self.filters["replace"]),
            "money": _money,
        }

    @property
    def filter_names(self) -> list[str]:
        """Every filter that a template may use."""
        return sorted(self.filters)


def parse(language: Language, source: str) -> BoundTemplate | Problem:
    """The parsed template, or why it is none."""
    if len(source) > LONGEST_SOURCE:
        return Problem("The text is longer than 256 KB.", None, "Shorten it.")
    unpaired = _unpaired(source)
    if unpaired is not None:
        return unpaired
    try:
        template = language.from_string(source)
        _bound_ranges(template)
        return template
    except LiquidError as error:
        problem = problem_of(error)
        return problem if problem.line else replace(problem, line=_line_of_unclosed(source))
    except RecursionError:
        return Problem("An expression is nested too deeply.", None)
    except (ValueError, TypeError, ArithmeticError, IndexError, AssertionError) as error:
        return Problem(f"Not understood: {error}.", None)


def _bound_ranges(template: BoundTemplate) -> None:
    """Every range of the template becomes a bounded one (the engine has no place to say so)."""
    context = RenderContext(template)
    nodes: list[Node] = list(template.nodes)
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children(context))
        expressions: list[Expression] = list(node.expressions())
        while expressions:
            expression = expressions.pop()
            if type(expression) is RangeLiteral:
                expression.__class__ = BoundedRange
            expressions.extend(expression.children())


def problem_of(error: Exception) -> Problem:
    """An error of the engine in one sentence with its line."""
    if isinstance(error, LiquidError):
        message = str(error.message or type(error).__name__).strip()
        return Problem(_sentence(message), _line(error), _hint(error))
    if isinstance(error, LiquidInterrupt):
        return Problem(f"{{% {error} %}} stands outside a loop.", None)
    if isinstance(error, RecursionError):
        return Problem("The template is nested too deeply.", None)
    if isinstance(error, MemoryError):
        return Problem("The template needs too much memory.", None)
    return Problem(_sentence(f"Cannot be computed: {error}"), None)


#: What rendering may raise for the template's sake.
RENDER_ERRORS: Final = (
    LiquidError,
    LiquidInterrupt,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AssertionError,
    AttributeError,
    RecursionError,
    MemoryError,
)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _line(error: LiquidError) -> int | None:
    token = error.token
    if token is None or token.start_index < 0:
        return None
    return token.source.count("\n", 0, token.start_index) + 1


_TAG: Final = re.compile(r"\{%-?\s*(end)?(if|unless|for|case|capture|ifchanged|raw|comment)\b")


def _line_of_unclosed(source: str) -> int | None:
    """The line of the last tag that is opened and never closed."""
    opened: list[int] = []
    for match in _TAG.finditer(source):
        if not match[1]:
            opened.append(match.start())
        elif opened:
            opened.pop()
    return source.count("\n", 0, opened[-1]) + 1 if opened else None


_OPENING: Final = re.compile(r"\{\{|\{%-?\s*(?:(raw|doc)\b)?")
_ENDS: Final = {
    "raw": re.compile(r"\{%-?\s*endraw\s*-?%\}"),
    "doc": re.compile(r"\{%-?\s*enddoc\s*-?%\}"),
}


def _unpaired(source: str) -> Problem | None:
    """What is opened and not closed, found in one pass: the engine takes squared time to see it."""
    at = 0
    while match := _OPENING.search(source, at):
        opened = match.start()
        if match[1]:
            end = _ENDS[match[1]].search(source, match.end())
            at = end.end() if end else -1
            closing = f"{{% end{match[1]} %}}"
        else:
            closing = "}}" if match[0] == "{{" else "%}"
            found = source.find(closing, match.end())
            at = found + 2 if found >= 0 else -1
        if at < 0:
            shown = source[opened : opened + 20].split("\n")[0]
            line = source.count("\n", 0, opened) + 1
            return Problem(f"{shown} is not closed with {closing}.", line)
    return None


def _hint(error: LiquidError) -> str:
    message = str(error.message or "")
    if isinstance(error, ResourceLimitError):
        return "Use smaller loops and shorter texts."
    if "unknown filter" in message:
        return "Filters are written after a bar, as in {{ name | upcase }}."
    if "unexpected tag" in message or "expected tag" in message or "EOF" in message.upper():
        return "Every {% if %} needs its {% endif %}, every {% for %} its {% endfor %}."
    return ""


def _size(node: Node, context: RenderContext) -> int:
    if isinstance(node, ForNode):
        return 1
    return 1 + sum(_size(child, context) for child in node.children(context))


def _weight(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, range):
        if len(value) > LONGEST_LIST:
            raise Limit("A range is too long.", token=None)
        return 0
    if isinstance(value, list | tuple):
        return 50 * len(value)
    return 0


def _bounded(value: object) -> object:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise Limit("A text grows too long.", token=None)
    elif isinstance(value, int):
        if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            raise Limit("A number grows too large.", token=None)
    elif isinstance(value, list | tuple) and len(value) > LONGEST_LIST:
        raise Limit("A list grows too long.", token=None)
    return value


# --- filters of our own ------------------------------------------------------------------------


def _careful_join(function: Callable[..., Any]) -> Callable[..., Any]:
    def join(value: Any, separator: Any = " ") -> Any:
        if isinstance(value, list | tuple):
            between = len(str(separator))
            if sum(len(str(item)) + between for item in value) > LONGEST_TEXT:
                raise Limit("A text grows too long.", token=None)
        return function(value, separator)

    return join


def _careful_replace(function: Callable[..., Any]) -> Callable[..., Any]:
    def replace(value: Any, old: Any, new: Any = "") -> Any:
        text, seek, put = str(value), str(old), str(new)
        if len(text) + text.count(seek) * len(put) > LONGEST_TEXT:
            raise Limit("A text grows too long.", token=None)
        return function(value, old, new)

    return replace


_FORMAT: Final = re.compile(r"(?:[^%]|%[-aAbBcdDeFHIjklmMnpPrRSTuUwWxXyYZz%]){0,60}")


def _date(value: Any, form: Any = "%Y-%m-%d") -> str:
    """A date or time by a strftime form; what is no date stays as it is."""
    if is_undefined(value) or value is None:
        return ""
    if not isinstance(form, str) or not _FORMAT.fullmatch(form):
        raise Limit("The date's form is not one that can be used.", token=None)
    instant = _instant(value)
    return str(value) if instant is None else instant.strftime(form)


def _instant(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value in ("now", "today"):
        return clock.now()
    if isinstance(value, str) and len(value) <= 40:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return None
    return None


def _money(value: Any, currency: Any = "") -> str:
    """Minor units as an amount: ``1250 | money: "EUR"`` is ``12.50 EUR``."""
    if is_undefined(value) or value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    sign, amount = ("-", -value) if value < 0 else ("", value)
    text = f"{sign}{amount // 100:,}.{amount % 100:02d}"
    return f"{text} {currency}".strip()


HTML: Final = Language(autoescape=True)
PLAIN: Final = Language(autoescape=False)


def render_all(template: BoundTemplate, values: Mapping[str, object]) -> str | Problem:
    """The rendered template, or why there is none."""
    try:
        return template.render(values)
    except RENDER_ERRORS as error:
        return problem_of(error)
