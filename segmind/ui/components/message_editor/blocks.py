"""An e-mail out of blocks: each a bordered row that can be moved and removed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import streamlit as st

from segmind.ui.components.live_text import live_text
from segmind.ui.components.message_editor.starters import BLOCKS, VARIABLES

_MOVES = ("Move up", "Move down", "Remove")


def edit_blocks(given: Sequence[dict[str, Any]], *, key: str) -> list[dict[str, Any]]:
    """Show the blocks; returns them as they stand."""
    rows: list[dict[str, Any]] = st.session_state.setdefault(
        key, [{"id": secrets.token_hex(3), "data": dict(block)} for block in given]
    )
    for row in rows:
        own = f"{key}_{row['id']}"
        with st.container(border=True, gap="xsmall", key=own):
            with st.container(
                horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
            ):
                st.caption(BLOCKS[row["data"]["kind"]][0], width="content")
                st.menu_button(
                    "Change the block",
                    _MOVES,
                    type="tertiary",
                    key=f"{own}_menu",
                    on_click=_move,
                    args=(rows, row["id"], f"{own}_menu"),
                )
            row["data"] = _fields(row["data"], own)
    st.menu_button(
        "Add a block",
        list(BLOCKS),
        format_func=lambda kind: BLOCKS[kind][0],
        icon=":material/add:",
        key=f"{key}_add",
        on_click=_add,
        args=(rows, f"{key}_add"),
    )
    return [row["data"] for row in rows]


def _add(rows: list[dict[str, Any]], key: str) -> None:
    if picked := st.session_state.get(key):
        rows.append({"id": secrets.token_hex(3), "data": dict(BLOCKS[picked][1])})


def _move(rows: list[dict[str, Any]], row_id: str, key: str) -> None:
    picked = st.session_state.get(key)
    index = next(n for n, row in enumerate(rows) if row["id"] == row_id)
    row = rows.pop(index)
    if picked == "Move up":
        rows.insert(max(0, index - 1), row)
    elif picked == "Move down":
        rows.insert(index + 1, row)
    elif picked != "Remove":
        rows.insert(index, row)


def _fields(data: dict[str, Any], key: str) -> dict[str, Any]:
    kind = data["kind"]
    if kind == "heading":
        return {**data, "text": _line("Heading", data.get("text", ""), f"{key}_text")}
    if kind == "text":
        text = live_text(
            "Text", data.get("text", ""), key=f"{key}_text", variables=VARIABLES, rows=4
        )
        return {**data, "text": text}
    if kind == "button":
        left, right = st.columns(2)
        with left:
            label = _line("Label", data.get("label", ""), f"{key}_label")
        with right:
            href = _line("Leads to", data.get("href", ""), f"{key}_href")
        return {**data, "label": label, "href": href}
    if kind == "image":
        src = _line("Address of the picture", data.get("src", ""), f"{key}_src")
        alt = _line("What it shows, for those who do not see it", data.get("alt", ""), f"{key}_alt")
        return {**data, "src": src, "alt": alt}
    if kind == "products":
        sources = ["cart", "order", "suggested"]
        source = st.selectbox(
            "Products of the",
            sources,
            index=sources.index(data.get("source", "cart")),
            key=f"{key}_source",
            width=200,
        )
        return {**data, "source": source}
    return data


def _line(label: str, value: str, key: str) -> str:
    if key not in st.session_state:
        st.session_state[key] = value
    return st.text_input(label, key=key, live=True, max_chars=2_000) or ""
