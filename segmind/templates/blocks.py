"""E-mails out of blocks, for those who write no MJML: each block is one piece of MJML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from segmind.templates.placeholders import liquid_pieces

FONT: Final = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"

_Text = Annotated[str, Field(max_length=20_000)]
_Line = Annotated[str, Field(max_length=2_000)]
_LINK: Final = re.compile(r"\[([^\]\n]{1,500})\]\(((?:\{\{.{0,500}?\}\}|[^)\s{]){1,2000})\)")
_BOLD: Final = re.compile(r"\*\*(?=\S)(.{1,2000}?)(?<=\S)\*\*", re.DOTALL)


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HeadingBlock(_Block):
    """A heading."""

    kind: Literal["heading"] = "heading"
    text: _Line
    level: Literal[1, 2] = 1


class TextBlock(_Block):
    """Paragraphs, parted by empty lines. ``**bold**`` and ``[label](address)`` are understood."""

    kind: Literal["text"] = "text"
    text: _Text


class ImageBlock(_Block):
    """A picture by its address, with words for those who do not see it."""

    kind: Literal["image"] = "image"
    src: _Line
    alt: _Line = ""
    href: _Line = ""


class ButtonBlock(_Block):
    """A button."""

    kind: Literal["button"] = "button"
    label: _Line
    href: _Line


class DividerBlock(_Block):
    """A line across."""

    kind: Literal["divider"] = "divider"


class ProductsBlock(_Block):
    """The products of the cart, of the order, or of what goes with it, one line each; nothing when
    there are none."""

    kind: Literal["products"] = "products"
    source: Literal["cart", "order", "suggested"] = "cart"
    heading: _Line = ""
    most: Annotated[int, Field(ge=1, le=20)] = 5


Block = Annotated[
    HeadingBlock | TextBlock | ImageBlock | ButtonBlock | DividerBlock | ProductsBlock,
    Field(discriminator="kind"),
]


def to_mjml(blocks: Sequence[Block], accent: str) -> str:
    """The blocks as one MJML document."""
    inner = "\n".join(_mjml(block, accent) for block in blocks)
    return (
        f'<mjml><mj-head><mj-attributes><mj-all font-family="{FONT}" />'
        '<mj-text font-size="16px" line-height="1.5" color="#1f2328" />'
        "</mj-attributes></mj-head>"
        '<mj-body background-color="#f6f8fa"><mj-section background-color="#ffffff" '
        f'padding="24px 8px"><mj-column>\n{inner}\n</mj-column></mj-section></mj-body></mjml>'
    )


def _mjml(block: Block, accent: str) -> str:
    if isinstance(block, HeadingBlock):
        size = "26px" if block.level == 1 else "20px"
        tag = f"h{block.level}"
        style = f"margin:0;font-size:{size};line-height:1.3"
        return f'<mj-text><{tag} style="{style}">{_escaped(block.text)}</{tag}></mj-text>'
    if isinstance(block, TextBlock):
        return f"<mj-text>{_paragraphs(block.text, accent)}</mj-text>"
    if isinstance(block, ImageBlock):
        href = f' href="{_escaped(block.href)}"' if block.href else ""
        return f'<mj-image src="{_escaped(block.src)}" alt="{_escaped(block.alt)}"{href} />'
    if isinstance(block, ButtonBlock):
        return (
            f'<mj-button href="{_escaped(block.href)}" background-color="{accent}" '
            'color="#ffffff" border-radius="6px" font-size="16px" inner-padding="12px 28px">'
            f"{_escaped(block.label)}</mj-button>"
        )
    if isinstance(block, DividerBlock):
        return '<mj-divider border-color="#d8dee4" border-width="1px" />'
    return _products(block)


def _products(block: ProductsBlock) -> str:
    source = f"{block.source}.items"
    heading = (
        f'<tr><td colspan="3" style="padding:0 0 8px;font-weight:600">{_escaped(block.heading)}'
        "</td></tr>"
        if block.heading
        else ""
    )
    return (
        f'<mj-raw>{{% if {source}.size > 0 %}}</mj-raw><mj-table font-size="15px">{heading}'
        f"{{% for item in {source} limit: {block.most} %}}"
        '<tr style="border-top:1px solid #d8dee4">'
        '<td style="padding:10px 12px 10px 0;width:72px">{% if item.image != blank %}'
        '<img src="{{ item.image }}" alt="" width="64" style="border-radius:6px" />{% endif %}</td>'
        '<td style="padding:10px 0">{% if item.url != blank %}<a href="{{ item.url }}" '
        'style="color:#1f2328">{{ item.name }}</a>{% else %}{{ item.name }}{% endif %}'
        "{% if item.quantity > 1 %} × {{ item.quantity }}{% endif %}</td>"
        '<td align="right" style="padding:10px 0;white-space:nowrap">{{ item.price }}</td></tr>'
        "{% endfor %}</mj-table><mj-raw>{% endif %}</mj-raw>"
    )


def _paragraphs(text: str, accent: str) -> str:
    parts = [p for p in re.split(r"\n\s*\n", text.strip()) if p.strip()]
    return "".join(
        f'<p style="margin:0 0 12px">{_inline(_escaped(part), accent)}</p>' for part in parts
    )


def _inline(escaped: str, accent: str) -> str:
    linked = _LINK.sub(rf'<a href="\2" style="color:{accent}">\1</a>', escaped)
    return _BOLD.sub(r"<strong>\1</strong>", linked).replace("\n", "<br />")


def _escaped(text: str) -> str:
    """Escaped for markup, Liquid left as it is."""
    return "".join(
        part if is_liquid else html.escape(part) for is_liquid, part in liquid_pieces(text)
    )
