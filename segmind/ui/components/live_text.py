"""A text box that tells what is typed as it is typed, with buttons that insert variables.

Streamlit's own text area tells only when it loses focus. Whoever prefers that one (or uses a
screen reader that does) switches to plain text boxes in the composer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

#: Session-state key: True shows Streamlit's own text areas.
PLAIN = "plain_editors"

_HTML = """<div class="w"><label id="l" for="t"></label>
<div class="chips" role="toolbar" aria-label="Insert a variable"></div>
<textarea id="t" spellcheck="true"></textarea></div>"""

_CSS = """
.w{font-family:var(--st-font);color:var(--st-text-color);display:flex;flex-direction:column;gap:6px}
label{font-size:.875rem}
textarea{font:inherit;font-size:.95rem;line-height:1.45;padding:10px 12px;box-sizing:border-box;
 width:100%;border-radius:var(--st-base-radius);border:1px solid var(--st-border-color);
 background:var(--st-secondary-background-color);color:inherit;resize:vertical}
textarea.code{font-family:var(--st-code-font);font-size:.82rem;line-height:1.5}
textarea:focus{outline:2px solid var(--st-primary-color);outline-offset:0;border-color:transparent}
.chips{display:flex;gap:6px;flex-wrap:wrap}
.chips:empty{display:none}
.chips button{font:inherit;font-size:.78rem;padding:2px 10px;border-radius:999px;cursor:pointer;
 border:1px solid var(--st-border-color);background:transparent;color:inherit}
.chips button:hover,.chips button:focus-visible{border-color:var(--st-primary-color);
 color:var(--st-link-color)}
"""

_JS = """
const timers = new WeakMap()
export default function ({ data, parentElement, setStateValue }) {
  const t = parentElement.querySelector("#t"), l = parentElement.querySelector("#l")
  const chips = parentElement.querySelector(".chips")
  l.textContent = data.label
  t.maxLength = data.max_chars
  t.rows = data.rows
  t.className = data.code ? "code" : ""
  const active = parentElement.activeElement ?? document.activeElement?.shadowRoot?.activeElement
  if (active !== t && t.value !== (data.value ?? "")) t.value = data.value ?? ""
  const send = (ms) => {
    clearTimeout(timers.get(parentElement))
    timers.set(parentElement, setTimeout(() => setStateValue("value", t.value), ms))
  }
  t.oninput = () => send(data.delay)
  t.onblur = () => { if (t.value !== (data.value ?? "")) send(0) }
  chips.replaceChildren(...(data.variables ?? []).map((v) => {
    const b = document.createElement("button")
    b.type = "button"; b.textContent = v.label; b.title = v.insert
    b.onclick = () => {
      t.setRangeText(v.insert, t.selectionStart, t.selectionEnd, "end")
      t.focus(); send(0)
    }
    return b
  }))
  return () => clearTimeout(timers.get(parentElement))
}
"""

_mount = st.components.v2.component("segmind_live_text", html=_HTML, css=_CSS, js=_JS)


@dataclass(frozen=True, slots=True)
class Variable:
    """A button above the box: what it says and what it inserts."""

    label: str
    insert: str


def live_text(
    label: str,
    value: str = "",
    *,
    key: str,
    variables: Sequence[Variable] = (),
    rows: int = 6,
    max_chars: int = 100_000,
    code: bool = False,
    delay_ms: int = 300,
) -> str:
    """Show the box with ``value`` at first; returns what it holds now."""
    if st.session_state.get(PLAIN):
        typed = st.text_area(
            label, value, key=f"{key}_plain", height=rows * 24 + 30, max_chars=max_chars
        )
        return typed or ""
    current: Any = st.session_state.get(key, {}).get("value", value)
    result = _mount(
        key=key,
        data={
            "label": label,
            "value": current,
            "variables": [asdict(variable) for variable in variables],
            "max_chars": max_chars,
            "rows": rows,
            "code": code,
            "delay": delay_ms,
        },
        default={"value": value},
        on_value_change=lambda: None,
    )
    held = result.value
    return value if held is None else str(held)


def replace_text(key: str, text: str) -> None:
    """Put ``text`` into the box of ``key`` (before the box is shown in the run)."""
    if st.session_state.get(PLAIN):
        st.session_state[f"{key}_plain"] = text
    else:
        st.session_state[key] = {"value": text}
