"""What customers get: their values, escaped, links tracked, nothing that e-mail should not hold."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.channels.content import EmailContent, PushContent, Slots, SmsContent
from segmind.templates.blocks import (
    ButtonBlock,
    DividerBlock,
    HeadingBlock,
    ImageBlock,
    ProductsBlock,
    TextBlock,
)
from segmind.templates.links import Links
from segmind.templates.render import RenderError, render
from segmind.templates.template import EmailDraft, PushDraft, SmsDraft
from segmind.templates.variables import context, sample_context
from tests.trying import examples

LINKS = Links(
    link_for=lambda url: f"https://t.example/l/{url.removeprefix('https://')}",
    unsubscribe_url="https://t.example/u/token",
    one_click_url="https://t.example/u/token/one-click",
)
MJML = """<mjml><mj-body>
{% if customer.country == "GB" %}
<mj-section><mj-column>
  <mj-text>Hi {{ first_name | default: "there" }} &amp; friends, 1 {% if 2 > 1 %}yes{% endif %}
  </mj-text>
  {% for item in cart.items %}<mj-text>{{ item.name }}</mj-text>{% endfor %}
  <mj-button href="https://shop.example.com/?a=1&amp;c={{ customer.id }}">Go</mj-button>
  <mj-table>{% for item in cart.items %}<tr><td>{{ item.price }}</td></tr>{% endfor %}</mj-table>
</mj-column></mj-section>
{% endif %}
</mj-body></mjml>"""


def email(body: str, values: dict[str, object] | None = None, **fields: object) -> EmailContent:
    draft = EmailDraft(subject="S", body=body, **fields)  # type: ignore[arg-type]
    made = render(draft, sample_context(values), LINKS)
    assert isinstance(made, EmailContent), made
    return made


def test_a_bare_name_and_its_path_mean_the_same() -> None:
    made = render(SmsDraft(body="{{ first_name }}={{ customer.first_name }}"), sample_context())
    assert made == SmsContent("Ada=Ada")


def test_a_missing_value_shows_as_nothing_or_as_its_default() -> None:
    made = render(SmsDraft(body="[{{ nick }}][{{ nick | default: 'you' }}]"), context())
    assert made == SmsContent("[][you]")


def test_values_are_escaped_in_html_and_left_alone_in_text() -> None:
    made = email("<p>{{ first_name }}</p>", {"first_name": "<b>Ada</b> & 'co'"})
    assert "&lt;b&gt;Ada&lt;/b&gt; &amp; " in made.html
    assert "<b>Ada</b>" not in made.html
    assert made.text.startswith("<b>Ada</b> & 'co'")


def test_the_subject_is_one_line_whatever_the_values_hold() -> None:
    draft = EmailDraft(subject="Hi {{ first_name }}", body="<p>x</p>")
    made = render(draft, sample_context({"first_name": "A\r\nBcc: all@example.com"}), LINKS)
    assert isinstance(made, EmailContent)
    assert made.subject == "Hi A Bcc: all@example.com"


def test_mjml_keeps_its_liquid_between_sections_rows_and_in_attributes() -> None:
    made = email(MJML)
    assert "Hi Ada &amp; friends, 1 yes" in made.html
    assert made.html.count("Walnut desk lamp") == 1
    assert "<td>39.90 EUR</td>" in made.html
    assert 'href="https://t.example/l/shop.example.com/?a=1&amp;c=1042"' in made.html
    assert "Hi Ada" not in email(MJML, {"customer": {"country": "FR"}}).html


def test_an_email_asks_nothing_of_other_hosts_but_its_own_pictures() -> None:
    made = email(
        MJML.replace(
            "<mj-body>",
            "<mj-head><mj-font name='X' href='https://f.example/x'/>"
            "<mj-style>@import url(https://f.example/y);</mj-style></mj-head><mj-body>",
        )
    )
    assert "fonts.googleapis" not in made.html
    assert "f.example" not in made.html
    assert "<link" not in made.html


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="{{ bad }}">x</a>',
        '<a href=" java&#x09;script:alert(1)">x</a>',
        "<iframe src=https://evil.example></iframe>",
        "<form action=https://evil.example><input name=p></form>",
        "<!--[if mso]><script>alert(1)</script><![endif]-->",
        '<!--[if mso]><td onclick="alert(1)"><![endif]-->',
        "<!-- --!><script>alert(1)</script> -->",
        "<style></style><script>alert(1)</script></style>",
        "<svg onload=alert(1)>",
        "<meta http-equiv=refresh content='0;url=https://evil.example'>",
        "<base href=https://evil.example>",
        "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
        "<style>@im@import port url(https://evil.example)</style>",
    ],
)
def test_nothing_active_stays_in_an_email(evil: str) -> None:
    values: dict[str, object] = {"bad": "javascript:alert(1)"}
    mjml = f"<mjml><mj-body><mj-raw>{evil}</mj-raw></mj-body></mjml>"
    for body in (f"<p>before</p>{evil}<p>after</p>", mjml):
        page = email(body, values).html.lower()
        made, *styles = re.split(r"<style[^>]*>", page)
        for style in styles:
            css, _, rest = style.partition("</style>")
            assert "<" not in css
            made += rest
        for sign in ("<script", "onerror", "onclick", "onload", "javascript:", "<iframe", "<form"):
            assert sign not in made
        assert "evil.example" not in page


def test_every_link_is_tracked_but_the_unsubscribe_link() -> None:
    made = email(
        '<a href="https://a.example/1">1</a><a href="{{ cart.url }}">2</a>'
        '<a href="mailto:x@example.com">3</a><a href="{{ unsubscribe_url }}">4</a>'
        '<a href="#top">5</a><a href="{{ nothing }}">6</a>'
    )
    assert 'href="https://t.example/l/a.example/1"' in made.html
    assert 'href="https://t.example/l/shop.example.com/cart"' in made.html
    assert 'href="mailto:x@example.com"' in made.html
    assert 'href="https://t.example/u/token"' in made.html
    assert 'href="#top"' in made.html
    assert "1: https://t.example/l/a.example/1" in made.text
    assert "4: https://t.example/u/token" in made.text


def test_links_in_a_text_message_are_tracked_without_their_full_stop() -> None:
    made = render(
        SmsDraft(body="See {{ cart.url }}. Or https://a.example/x?b=1!"), sample_context(), LINKS
    )
    assert made == SmsContent(
        "See https://t.example/l/shop.example.com/cart. Or https://t.example/l/a.example/x?b=1!"
    )


def test_a_marketing_email_gets_its_foot_and_headers_and_a_transactional_one_does_not() -> None:
    made = email("<p>Hello</p>")
    assert made.html.count("https://t.example/u/token") == 1
    assert "1 High Street, London" in made.html
    assert "Unsubscribe: https://t.example/u/token" in made.text
    assert made.headers == {
        "List-Unsubscribe": "<https://t.example/u/token/one-click>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    plain = render(EmailDraft(subject="S", body="<p>Hello</p>"), sample_context(), Links())
    assert isinstance(plain, EmailContent)
    assert plain.headers == {}
    assert "Unsubscribe" not in plain.html + plain.text


def test_an_own_unsubscribe_link_is_not_doubled() -> None:
    made = email('<p><a href="{{ unsubscribe_url }}">Leave</a> {{ shop.postal_address }}</p>')
    assert made.html.count("https://t.example/u/token") == 1
    assert made.text.count("https://t.example/u/token") == 1


def test_blocks_make_a_whole_email() -> None:
    draft = EmailDraft(
        subject="S",
        preheader="Look & see {{ first_name }}",
        blocks=(
            HeadingBlock(text="Hello {{ first_name }} <3"),
            TextBlock(
                text='**Bold** and [shop](https://a.example/?u={{ customer.id }}&x="1")\n\nTwo'
            ),
            ImageBlock(src="https://a.example/i.png", alt="A picture", href="{{ cart.url }}"),
            ProductsBlock(heading="Your cart"),
            DividerBlock(),
            ButtonBlock(label="Back", href="{{ cart.url }}"),
        ),
    )
    made = render(draft, sample_context(), LINKS)
    assert isinstance(made, EmailContent)
    assert "Hello Ada &lt;3</h1>" in made.html
    assert "<strong>Bold</strong>" in made.html
    assert "Look &amp; see Ada" in made.html
    assert 'alt="A picture"' in made.html
    assert "Linen notebook</a> × 2" in made.html
    assert "Back: https://t.example/l/shop.example.com/cart" in made.text
    empty = render(draft, context(), LINKS)
    assert isinstance(empty, EmailContent)
    assert "Your cart" not in empty.html


def test_slots_are_the_same_html_and_share_their_pieces() -> None:
    draft = EmailDraft(
        subject="S", body="<p>Hi {{ first_name }}, <a href='{{ cart.url }}'>go</a></p>"
    )
    one = render(draft, sample_context({"first_name": "A"}), LINKS)
    two = render(draft, sample_context({"first_name": "B"}), LINKS)
    assert isinstance(one, EmailContent)
    assert isinstance(two, EmailContent)
    assert isinstance(one.html_part, Slots)
    assert isinstance(two.html_part, Slots)
    assert one.html_part.joined() == one.html
    assert one.html_part.pieces is two.html_part.pieces
    assert isinstance(one.text_part, Slots)
    assert isinstance(two.text_part, Slots)
    assert one.text_part.joined() == one.text
    assert one.text_part.pieces is two.text_part.pieces
    assert one.html_part.values != two.html_part.values


def test_a_push_takes_its_link_and_only_a_secure_picture() -> None:
    draft = PushDraft(
        title="{{ first_name }}", body="Back?", deep_link="{{ link }}", image="{{ pic }}"
    )
    made = render(
        draft, sample_context({"link": "shop://cart", "pic": "http://a.example/x"}), LINKS
    )
    assert made == PushContent("Ada", "Back?", {"link": "shop://cart"}, None)
    web = render(draft, sample_context({"link": "https://a.example/"}), LINKS)
    assert isinstance(web, PushContent)
    assert web.data == {"link": "https://t.example/l/a.example/"}
    bad = render(draft, sample_context({"link": "javascript:alert(1)"}), LINKS)
    assert isinstance(bad, PushContent)
    assert bad.data == {}


@pytest.mark.parametrize(
    ("source", "line", "part"),
    [
        ("one\ntwo {{ x | nope }}", 2, "nope"),
        ("one\n{% if x %}\nthree", 2, "endif"),
        ("one\n\n{{ 'a' | divided_by: 0 }}", 3, "divi"),
        ("{{ x", 1, "}}"),
        ("a\n{% unknown %}", 2, "unknown"),
    ],
)
def test_an_error_names_its_field_and_the_authors_line(source: str, line: int, part: str) -> None:
    for draft, field in ((SmsDraft(body=source), "body"), (EmailDraft(body=source), "body")):
        made = render(draft, context())
        assert isinstance(made, RenderError)
        assert (made.field, made.line) == (field, line)
        assert part in made.message


def test_an_error_in_mjml_names_the_line_that_the_author_wrote() -> None:
    body = MJML.replace("{{ item.price }}", "{{ item.price | divided_by: 0 }}")
    made = render(
        EmailDraft(subject="S", body=body), sample_context({"cart": {"items": [{"price": 4}]}})
    )
    assert isinstance(made, RenderError)
    assert made.field == "body"
    assert made.line == 8


def test_liquid_among_attributes_is_refused_in_words() -> None:
    made = render(
        EmailDraft(
            subject="S", body="<p {% if a %}class='x'{% endif %}>x</p>{% if b %}c{% endif %}"
        ),
        context(),
    )
    assert isinstance(made, EmailContent | RenderError)
    broken = render(EmailDraft(subject="S", body="<p {% if a %}>x</p>{% endif %}"), context())
    assert isinstance(broken, RenderError)
    assert "no Liquid can stand" in broken.message


@given(st.text(max_size=300), st.text(max_size=40))
@settings(max_examples=examples(60), deadline=None)
def test_any_text_renders_or_is_refused_and_never_raises(source: str, name: str) -> None:
    values = sample_context({"first_name": name})
    for body in (source, f"<p>{source}</p>", f"<p>{{{{ first_name }}}}</p>{source}"):
        made = render(EmailDraft(subject=source, body=body), values, LINKS)
        assert isinstance(made, EmailContent | RenderError)
        if isinstance(made, EmailContent):
            assert isinstance(made.html_part, Slots)
            assert made.html_part.joined() == made.html
            assert "\n" not in made.subject


@given(st.text(max_size=60))
@settings(max_examples=examples(60), deadline=None)
def test_a_value_never_becomes_markup(value: str) -> None:
    made = email(
        "<p>{{ v }}</p><a title='{{ v }}' href='https://a.example/{{ v }}'>x</a>", {"v": value}
    )
    again = email(
        "<p>{{ v }}</p><a title='{{ v }}' href='https://a.example/{{ v }}'>x</a>", {"v": "v"}
    )
    assert made.html.count("<") == again.html.count("<")
    assert made.html.count('"') == again.html.count('"')
