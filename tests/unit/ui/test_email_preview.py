"""What an e-mail's preview lets through: nothing that runs, nothing from elsewhere."""

from __future__ import annotations

import pytest

from segmind.ui.components.previews import offline


@pytest.mark.parametrize(
    "html",
    [
        '<img src="https://cdn.example.com/x.png">',
        "<img src='//cdn.example.com/x.png'>",
        "<img src=https://cdn.example.com/x.png >",
        '<td background="http://cdn.example.com/x.png">',
        '<img srcset="https://cdn.example.com/x.png 2x">',
        '<link rel="stylesheet" href="https://cdn.example.com/x.css">',
        "<style>@import 'https://cdn.example.com/x.css';</style>",
        '<div style="background: url(https://cdn.example.com/x.png)">',
        '<script src="https://cdn.example.com/x.js">cdn.example.com</script>',
    ],
)
def test_nothing_of_it_points_elsewhere(html: str) -> None:
    assert "cdn.example.com" not in offline(html)


def test_links_and_words_stay() -> None:
    html = '<p>Hi</p><a href="https://shop.example.com">Shop</a><img src="data:image/png;base64,x">'
    assert offline(html) == html
