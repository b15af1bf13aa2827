"""Small pages that stand alone: nothing is loaded, everything is escaped, light and dark."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final

from starlette.responses import HTMLResponse

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #f5f6fa; --card: #fff; --ink: #14171f;
  --muted: #565d6d; --line: #dde1ea; --field: #fff; --act: #4f46e5; --on-act: #fff;
  --bad: #b42318; --bad-ground: #fef3f2; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f1218; --card: #191e28; --ink: #e8eaf0;
  --muted: #a3abbd; --line: #2c3342; --field: #0f1218; --act: #6964ee; --bad: #fda29b;
  --bad-ground: #2a1616; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground); color: var(--ink);
  font: 16px/1.5 Inter, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 26rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: 2rem; }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25; }
p { margin: 0 0 1rem; } .muted { color: var(--muted); font-size: .9rem; }
label { display: block; margin: 0 0 .3rem; font-weight: 600; font-size: .9rem; }
input { width: 100%; margin: 0 0 1rem; padding: .6rem .7rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--muted); border-radius: 8px; }
button, a.act { display: block; width: 100%; padding: .65rem 1rem; font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; color: var(--on-act); background: var(--act);
  border: 0; border-radius: 8px; cursor: pointer; }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
.bad { padding: .6rem .8rem; border-radius: 8px; color: var(--bad); background: var(--bad-ground); }
code { font-size: .9em; overflow-wrap: anywhere; }
h2 { margin: 1.75rem 0 .6rem; font-size: 1.05rem; }
button.quiet { color: var(--ink); background: transparent; border: 1px solid var(--muted); }
label.tick { display: flex; gap: .6rem; align-items: center; font-weight: 400; min-height: 2rem; }
label.tick input { width: 1.1rem; height: 1.1rem; margin: 0; }
select { width: 100%; margin: 0 0 1rem; padding: .6rem .7rem; font: inherit; color: inherit;
  background: var(--field); border: 1px solid var(--muted); border-radius: 8px; }
p:last-child { margin-bottom: 0; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # Not "no-referrer": with it browsers post our own forms with "Origin: null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def page(title: str, *parts: str, status: int = 200, language: str = "en") -> HTMLResponse:
    """A page. ``parts`` are HTML made with the functions below; ``title`` is plain text."""
    body = "".join(parts)
    return HTMLResponse(
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>",
        status_code=status,
        headers=HEADERS,
    )


def paragraph(text: str, *, muted: bool = False) -> str:
    """A paragraph of plain text."""
    return f'<p class="muted">{escape(text)}</p>' if muted else f"<p>{escape(text)}</p>"


def command(text: str) -> str:
    """A line to type."""
    return f"<p><code>{escape(text)}</code></p>"


def complaint(text: str) -> str:
    """What is wrong with what was sent; empty for no complaint."""
    return f'<p class="bad" role="alert">{escape(text)}</p>' if text else ""


def form(action: str, button: str, *parts: str, quiet: bool = False) -> str:
    """A form that posts to ``action``; ``quiet``: not the first thing to press."""
    look = ' class="quiet"' if quiet else ""
    return (
        f'<form method="post" action="{escape(action)}">{"".join(parts)}'
        f"<button{look}>{escape(button)}</button></form>"
    )


def heading(text: str) -> str:
    """What parts a page."""
    return f"<h2>{escape(text)}</h2>"


def checkbox(name: str, label: str, *, checked: bool) -> str:
    """A yes or no; sent as "1" when ticked."""
    ticked = " checked" if checked else ""
    return (
        f'<label class="tick"><input type="checkbox" name="{escape(name)}" value="1"{ticked}> '
        f"{escape(label)}</label>"
    )


def choice(name: str, label: str, options: Mapping[str, str]) -> str:
    """One of several, the first unless another is chosen."""
    listed = "".join(
        f'<option value="{escape(value)}">{escape(words)}</option>'
        for value, words in options.items()
    )
    return (
        f'<label for="{escape(name)}">{escape(label)}</label>'
        f'<select id="{escape(name)}" name="{escape(name)}">{listed}</select>'
    )


def field(name: str, label: str, *, kind: str = "text", value: str = "", complete: str = "") -> str:
    """A labelled input that must be filled in, unless it is the name."""
    required = "" if name == "name" else " required"
    return (
        f'<label for="{escape(name)}">{escape(label)}</label>'
        f'<input id="{escape(name)}" name="{escape(name)}" type="{escape(kind)}" '
        f'value="{escape(value)}" autocomplete="{escape(complete or "off")}"{required}>'
    )


def hidden(name: str, value: str) -> str:
    """A value that travels with a form."""
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def link(address: str, text: str) -> str:
    """The one thing to do next."""
    return f'<p><a class="act" href="{escape(address)}">{escape(text)}</a></p>'
