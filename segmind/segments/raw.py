"""The first look at a rule, before anything is built from it: is it JSON, and of sane size?

Everything here works with a stack of its own, so that no nesting, however deep, can exhaust
Python's.
"""

from __future__ import annotations

import json
from typing import Any, Final

from segmind.segments import deep
from segmind.segments.fault import InvalidRule, refuse

MOST_DEPTH: Final = 10
MOST_CONDITIONS: Final = 200
MOST_BYTES: Final = 262_144
#: Levels of JSON below the deepest group: where, a comparison, a list of values.
_BELOW_GROUPS: Final = 6
_LEVELS: Final = 2 * MOST_DEPTH + _BELOW_GROUPS


def checked(given: Any) -> bytes:
    """The rule as JSON text in UTF-8.

    Raises:
        InvalidRule: it is no JSON, too large, nested too deeply, or holds what cannot be stored.
    """
    if isinstance(given, str | bytes):
        given = _loaded(given)
    if not isinstance(given, dict):
        raise refuse("", "A rule is a JSON object.", 'Begin with {"type": "all", ...}.')
    _check_shape(given)
    try:
        text = json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise refuse("", "The rule holds a value that is no JSON.", str(error)) from None
    if len(text) > MOST_BYTES:
        raise _too_large()
    return text


def _loaded(text: str | bytes) -> Any:
    if len(text) > MOST_BYTES:
        raise _too_large()
    try:
        return json.loads(text)
    except RecursionError:
        as_text = text.decode(errors="replace") if isinstance(text, bytes) else text
        # Groups take two levels of JSON each: their object and their list.
        raise _too_deep(deep.path_at(as_text, 2 * MOST_DEPTH)) from None
    except ValueError as error:
        raise refuse("", "The rule is no JSON.", f"{error}.") from None


def _check_shape(rule: dict[str, Any]) -> None:
    """Depth of groups and of JSON, number of conditions, and no NUL, which PostgreSQL refuses."""
    conditions = 0
    waiting: list[tuple[Any, str, int, int]] = [(rule, "", 1, 0)]
    while waiting:
        value, path, level, groups = waiting.pop()
        if level > _LEVELS:
            raise _too_deep(path)
        if isinstance(value, str) and "\x00" in value:
            raise refuse(path, "The text holds a NUL character.", "Remove it.")
        if isinstance(value, list | tuple):
            waiting.extend(
                (item, f"{path}[{n}]", level + 1, groups) for n, item in enumerate(value)
            )
            continue
        if not isinstance(value, dict):
            continue
        kind, children = value.get("type"), value.get("conditions")
        is_group = isinstance(children, list | tuple)
        groups += is_group
        if groups > MOST_DEPTH:
            raise _too_deep(path)
        for key, item in value.items():
            if is_group and key == "conditions":
                conditions += len(item)
                named = ".".join(filter(None, (path, str(kind))))
                waiting.append((item, named, level + 1, groups))
            else:
                waiting.append((item, f"{path}.{key}".lstrip("."), level + 1, groups))
        if conditions >= MOST_CONDITIONS:
            raise refuse(
                path,
                f"The rule has more than {MOST_CONDITIONS} conditions.",
                "Split it into segments and combine them by in_segment.",
            )


def _too_deep(path: str) -> InvalidRule:
    return refuse(
        path[:200],
        f"The rule is nested too deeply: at most {MOST_DEPTH} groups in each other.",
        "Split it into segments and combine them by in_segment.",
    )


def _too_large() -> InvalidRule:
    return refuse("", f"The rule is larger than {MOST_BYTES:,} bytes.", "Use fewer values.")
