"""The builder: groups as bordered containers, conditions as rows, in session state while edited."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, Final

import streamlit as st

from segmind.segments.fault import Fault
from segmind.ui.components.rule_builder import inputs
from segmind.ui.components.rule_builder.inputs import Vocabulary
from segmind.ui.components.rule_builder.kinds import KINDS, OF_ACTS, OF_PERSONS
from segmind.ui.components.rule_builder.tree import (
    MODES,
    Condition,
    Group,
    duplicate,
    find,
    remove,
    rule_of,
    tree_of,
)

_MODES: Final = {"all": "all of these", "any": "any of these", "none": "none of these"}
_GROUPS: Final = {
    "+any": ("A group: any of …", "join_inner"),
    "+all": ("A group: all of …", "join_full"),
    "+none": ("But not: none of …", "block"),
}
_DEEPEST: Final = 4


def rule_builder(
    rule: dict[str, Any] | None,
    vocabulary: Vocabulary,
    *,
    key: str,
    faults: Sequence[Fault] = (),
) -> dict[str, Any]:
    """Show the builder with ``rule`` at first; returns the rule's JSON as it stands.

    ``faults`` (of the rule that was returned last) are shown at their rows.
    """
    root: Group = st.session_state.setdefault(f"{key}_tree", tree_of(rule))
    _, paths = rule_of(root)
    shown = _Builder(root, vocabulary, key, paths, faults)
    shown.group(root, 0)
    made, _ = rule_of(root)
    return made


def forget(key: str) -> None:
    """Drop what is being edited: the next time the builder starts from the rule given then."""
    for name in [each for each in st.session_state if str(each).startswith(f"{key}_")]:
        del st.session_state[name]


def replace(key: str, rule: dict[str, Any]) -> None:
    """Go on with another rule instead of the one that is being edited."""
    forget(key)
    st.session_state[f"{key}_tree"] = tree_of(rule)


class _Builder:
    def __init__(
        self,
        root: Group,
        vocabulary: Vocabulary,
        key: str,
        paths: dict[str, str],
        faults: Sequence[Fault],
    ) -> None:
        self._root = root
        self._vocabulary = vocabulary
        self._key = key
        self._paths = paths
        self._faults = faults

    def group(self, group: Group, depth: int) -> None:
        """A group with its header, its parts and the way to add more."""
        own = f"{self._key}_{group.id}"
        with st.container(border=True, gap="small", key=own):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                inputs.word("Customers who match" if depth == 0 else "match")
                group.mode = inputs.choice(
                    "Match", MODES, group.mode, key=f"{own}_mode",
                    say=_MODES.__getitem__, width=160,
                )  # fmt: skip
                if depth:
                    st.space("stretch")
                    self._copy_button(group.id, "group")
                    self._remove_button(group.id, "group")
            if not group.parts and depth == 0:
                st.caption("Everybody, so far. Add a condition to narrow it down.")
            for index, part in enumerate(group.parts):
                if index:
                    st.caption("or" if group.mode == "any" else _between(group.mode))
                if isinstance(part, Group):
                    self.group(part, depth + 1)
                else:
                    self._row(part)
            self._add_button(group, depth)

    def _row(self, condition: Condition) -> None:
        own = f"{self._key}_{condition.id}"
        kind = KINDS[condition.data["type"]]
        with st.container(border=True, gap="xsmall", key=own):
            with st.container(horizontal=True, vertical_alignment="top", gap="xsmall"):
                with st.container(
                    horizontal=True, vertical_alignment="center", gap="xsmall", width="stretch"
                ):
                    inputs.word(f":material/{kind.icon}:")
                    made = kind.row(condition.data, self._vocabulary, own)
                self._copy_button(condition.id, "condition")
                self._remove_button(condition.id, "condition")
            condition.data.update(made)
            if kind.below is not None:
                made |= kind.below(condition.data, self._vocabulary, own)
                condition.data.update(made)
            for stale in condition.data.keys() - made.keys() - {"type"}:
                del condition.data[stale]
            self._show_faults(condition)

    def _show_faults(self, condition: Condition) -> None:
        path = self._paths.get(condition.id)
        for fault in self._faults:
            if path and (fault.path == path or fault.path.startswith((f"{path}.", f"{path}["))):
                st.markdown(f":red[:material/error: {fault.message} {fault.hint}]")

    def _copy_button(self, node_id: str, what: str) -> None:
        st.button(
            ":material/content_copy:",
            help=f"Copy this {what}",
            type="tertiary",
            key=f"{self._key}_{node_id}_copy",
            on_click=duplicate,
            args=(self._root, node_id),
        )

    def _remove_button(self, node_id: str, what: str) -> None:
        st.button(
            ":material/delete:",
            help=f"Remove this {what}",
            type="tertiary",
            key=f"{self._key}_{node_id}_remove",
            on_click=remove,
            args=(self._root, node_id),
        )

    def _add_button(self, group: Group, depth: int) -> None:
        own = f"{self._key}_{group.id}_add"
        with st.container(horizontal=True, gap="xsmall"):
            self._menu("Add what they did", OF_ACTS, ":material/add:", group, own)
            self._menu("Add who they are", OF_PERSONS, ":material/add:", group, f"{own}_person")
            if depth < _DEEPEST:
                self._menu("Add a group", _GROUPS, ":material/join:", group, f"{own}_group")

    def _menu(self, label: str, offered: Iterable[str], icon: str, group: Group, key: str) -> None:
        st.menu_button(
            label,
            list(offered),
            format_func=_offer,
            icon=icon,
            key=key,
            on_click=_add,
            args=(self._root, group.id, key, next(iter(self._vocabulary.segments), None)),
        )


def _between(mode: str) -> str:
    return "and" if mode == "all" else "nor"


def _offer(kind: str) -> str:
    if kind in _GROUPS:
        label, icon = _GROUPS[kind]
        return f":material/{icon}: {label}"
    return f":material/{KINDS[kind].icon}: {KINDS[kind].offer}"


def _add(root: Group, group_id: str, key: str, first_segment: int | None) -> None:
    picked = st.session_state.get(key)
    group = find(root, group_id)
    if not picked or not isinstance(group, Group):
        return
    if picked in _GROUPS:
        group.parts.append(Group(mode=picked.removeprefix("+")))
        return
    data = {"type": picked, **copy.deepcopy(KINDS[picked].new)}
    if picked == "in_segment":
        data["segment_id"] = first_segment
    group.parts.append(Condition(data))
