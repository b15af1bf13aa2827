"""From MJML or HTML to the HTML of an e-mail: compiled, sanitised, with links made trackable.

All of it happens once per version, on markup whose Liquid is protected; rendering a recipient's
e-mail is Liquid alone.
"""

from __future__ import annotations

import html
import re
from typing import Any, Final

import nh3

from segmind.templates.language import Problem
from segmind.templates.links import checked, tracked
from segmind.templates.placeholders import Protected, protect

_TAGS: Final = set(
    "a abbr address article b big blockquote br caption center code col colgroup dd del div dl dt "
    "em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins li main mark ol p pre "
    "q s section small span strike strong sub sup table tbody td tfoot th thead tr tt u ul".split()
)
_EVERYWHERE: Final = set(
    "align bgcolor border class dir height id lang role style title valign width".split()
)
_ATTRIBUTES: Final = {
    "*": _EVERYWHERE,
    "a": {"href", "name", "target"},
    "img": {"alt", "src", "hspace", "vspace"},
    "table": {"background", "cellpadding", "cellspacing", "summary"},
    "td": {"abbr", "background", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "th": {"abbr", "background", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "tr": {"background"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"type", "value"},
    "hr": {"color", "noshade", "size"},
}
_DROPPED_WHOLE: Final = {"script", "style", "title", "object", "embed", "iframe", "svg", "math"}
_SCHEMES: Final = {"http", "https", "mailto", "tel", "sms", "cid"}

_COMMENT: Final = re.compile(r"<!--(.*?)-->", re.DOTALL)
_BODY: Final = re.compile(r"<body\b([^>]*)>(.*)</body\s*>", re.DOTALL | re.IGNORECASE)
_STYLE: Final = re.compile(r"<style\b([^>]*)>(.*?)</style\s*>", re.DOTALL | re.IGNORECASE)
_STYLE_ATTRIBUTE: Final = re.compile(r"\bstyle\s*=\s*\"([^\"<>]*)\"", re.IGNORECASE)
_MEDIA: Final = re.compile(r"\bmedia\s*=\s*\"([\w\s():,-]*)\"", re.IGNORECASE)
_TAG: Final = re.compile(r"<([a-z][\w:-]*)((?:\s+[^\s=<>\"]+(?:=\"[^\"]*\")?)+)\s*(/?)>")
_ATTRIBUTE: Final = re.compile(r"([^\s=<>\"]+)=\"([^\"]*)\"")

# Outlook's own markup, as MJML writes it.
_OUTLOOK_OPEN: Final = re.compile(r"\[if [\w\s!|&()]{1,40}\]>(.*)<!\[endif\]", re.DOTALL)
_OUTLOOK_HIDE: Final = re.compile(r"\[if !mso[\w\s!|&()]{0,30}\]><!|<!\[endif\]")
_OUTLOOK_TAG: Final = re.compile(
    r"</?(?:table|tbody|tr|td|div|center|p|v:\w+|w:\w+|o:\w+)(?:\s+[\w:-]+(?:=\"[^\"<>]*\")?)*\s*/?>"
)

_OPENS: Final = re.compile(r"\{%-?\s*(?:if|unless|for|case|capture|ifchanged)\b")
_CLOSES: Final = re.compile(r"\{%-?\s*end(?!raw|comment|doc)")

_BAD_CSS: Final = re.compile(
    r"@import[^;]*;?|@charset[^;]*;?|expression\s*\(|javascript:|vbscript:|behavior\s*:|-moz-binding|<",
    re.IGNORECASE,
)

_HEAD: Final = """<!doctype html>
<html lang="{language}" xmlns="http://www.w3.org/1999/xhtml" \
xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="x-apple-disable-message-reformatting">
<!--[if mso]><noscript><xml><o:OfficeDocumentSettings><o:AllowPNG/>\
<o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml></noscript><![endif]-->
{styles}</head>
<body style="{body_style}">
"""
_HIDDEN: Final = (
    '<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;'
    'overflow:hidden">'
)


def is_mjml(source: str) -> bool:
    """Whether a body is MJML."""
    return re.search(r"<mjml[\s>]", source, re.IGNORECASE) is not None


class Body:
    """A compiled body: ``markup`` is sanitised body HTML whose Liquid is still protected."""

    def __init__(self, protected: Protected, markup: str, styles: str, body_style: str) -> None:
        self.protected = protected
        self.markup = markup
        self.styles = styles
        self.body_style = body_style

    def page(self, *, before: str, after: str, language: str = "en") -> str:
        """The whole e-mail as a Liquid template, with more (markup with Liquid) around its body."""
        head = _HEAD.format(
            language=language,
            styles=self.styles,
            body_style=self.body_style or "margin:0;padding:0",
        )
        inner = self.protected.restore(_with_links(self.markup, self.protected))
        return self.protected.restore(head) + before + inner + after + "</body>\n</html>\n"


def compile_body(source: str) -> Body | Problem:
    """MJML or HTML with Liquid to the body of an e-mail."""
    protected = protect(source)
    compiled: str | Problem = protected.markup
    if is_mjml(protected.markup):
        compiled = _from_mjml(protected.markup)
    if isinstance(compiled, Problem):
        return compiled
    styles, body_style, inner = _taken_apart(compiled)
    markup = _sanitised(inner, protected)
    gone = protected.lost(markup + styles + body_style)
    if not _even(gone):
        tag = next(piece for piece in gone if _OPENS.match(piece) or _CLOSES.match(piece))
        return Problem(
            f"{tag} stands where no Liquid can stand.",
            _line_of(source, tag),
            "Put it between elements or inside an attribute's value, not among attributes.",
        )
    return Body(protected, markup, styles, body_style)


def hidden(preheader: str) -> str:
    """The line that inboxes show after the subject, invisible in the e-mail."""
    return f"{_HIDDEN}{preheader}</div>\n"


def _from_mjml(markup: str) -> str | Problem:
    from mjml import mjml_to_html  # 200 ms that only MJML needs

    if re.search(r"<mj-include\b", markup, re.IGNORECASE):
        return Problem("mj-include cannot be used.", None, "Paste the included part.")
    if re.search(r"<mj-style\b[^>]*\binline\b", markup, re.IGNORECASE):
        return Problem("mj-style inline cannot be used.", None, "Use mj-style without inline.")
    try:
        made: Any = mjml_to_html(markup)
    except RecursionError:
        return Problem("The MJML is nested too deeply.", None)
    except Exception as error:  # the compiler raises whatever its parts raise
        return Problem(
            f"The MJML cannot be compiled: {error or type(error).__name__}.",
            None,
            "Check that the body is <mjml><mj-body>...</mj-body></mjml> and that sizes are plain.",
        )
    return str(made.html)


def _taken_apart(page: str) -> tuple[str, str, str]:
    """Styles, the body's style and what is in the body."""
    outside = _COMMENT.sub("", page)
    styles = "".join(_style(m[1], m[2]) for m in _STYLE.finditer(outside))
    match = _BODY.search(page)
    if match is None:
        return styles, "", _STYLE.sub("", page)
    style = _STYLE_ATTRIBUTE.search(match[1])
    body_style = _BAD_CSS.sub("", style[1]) if style else ""
    return styles, body_style, _STYLE.sub("", match[2])


def _style(attributes: str, css: str) -> str:
    media = _MEDIA.search(attributes)
    of = f' media="{media[1]}"' if media else ""
    return f'<style type="text/css"{of}>{_clean_css(css)}</style>\n'


def _clean_css(css: str) -> str:
    # Taking one pattern out can put another together: repeat until nothing is left.
    while (cleaned := _BAD_CSS.sub("", css)) != css:
        css = cleaned
    return css


def _sanitised(markup: str, protected: Protected) -> str:
    cleaned = nh3.clean(
        markup,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        clean_content_tags=_DROPPED_WHOLE,
        url_schemes=_SCHEMES,
        generic_attribute_prefixes={"aria-", "data-"},
        strip_comments=False,
        link_rel=None,
    )
    return _COMMENT.sub(lambda m: m[0] if _may_stay(m[1], protected) else "", cleaned)


def _may_stay(comment: str, protected: Protected) -> bool:
    if protected.is_placeholder(comment) or _OUTLOOK_HIDE.fullmatch(comment):
        return True
    outlook = _OUTLOOK_OPEN.fullmatch(comment)
    if outlook is None:
        return False
    rest = _OUTLOOK_TAG.sub("", outlook[1])
    tags = _OUTLOOK_TAG.findall(outlook[1])
    return "<" not in rest and not any(re.search(r"\son\w+=|javascript:", t) for t in tags)


def _with_links(markup: str, protected: Protected) -> str:
    """Every address in the markup wrapped, so that rendering can check and track it."""

    def attributes(text: str) -> str:
        def one(m: re.Match[str]) -> str:
            name, value = m[1], m[2]
            if name == "href" and not value.startswith("#"):
                return f'{name}="{tracked(value)}"'
            if name in ("src", "background") and protected.holds(value):
                return f'{name}="{checked(value)}"'
            return m[0]

        return _ATTRIBUTE.sub(one, text)

    return _TAG.sub(lambda m: f"<{m[1]}{attributes(m[2])}{m[3]}>", markup)


def _even(gone: list[str]) -> bool:
    """Whether the Liquid that went away with dropped markup opened and closed evenly."""
    depth = 0
    for piece in gone:
        depth += 1 if _OPENS.match(piece) else -1 if _CLOSES.match(piece) else 0
        if depth < 0:
            return False
    return depth == 0


def _line_of(source: str, piece: str) -> int | None:
    at = source.find(piece)
    return None if at < 0 else source.count("\n", 0, at) + 1


def escaped(text: str) -> str:
    """Text for markup."""
    return html.escape(text)
