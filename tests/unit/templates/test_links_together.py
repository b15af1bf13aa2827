"""Links that are made for a batch at once are those that are made message by message."""

from __future__ import annotations

import pytest

from segmind.templates.links import Links, OneByOne, Together

PAGES = ["https://s.example/u/a", "https://s.example/u/b", "https://s.example/u/c"]
URLS = [
    "https://shop.example/x",
    " https://shop.example/x ",
    "mailto:a@example.com",
    "javascript:alert(1)",
    "",
    PAGES[1],
]


def tracked_in(n: int, url: str) -> str:
    return f"https://s.example/l/{n}?{url}"


def together(*, tracks: bool = True, pages: bool = True) -> Together:
    return Together(
        3,
        (lambda url: [tracked_in(n, url) for n in range(3)]) if tracks else None,
        tracked_in if tracks else None,
        (lambda: PAGES) if pages else None,
    )


def one_by_one(*, tracks: bool = True, pages: bool = True) -> OneByOne:
    def of(n: int) -> Links:
        return Links(
            link_for=(lambda url: tracked_in(n, url)) if tracks else None,
            unsubscribe_url=PAGES[n] if pages else None,
        )

    return OneByOne([of(n) for n in range(3)])


@pytest.mark.parametrize("tracks", [True, False])
@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("track", [True, False])
def test_together_gives_what_one_by_one_gives(tracks: bool, pages: bool, track: bool) -> None:
    many = together(tracks=tracks, pages=pages)
    singles = one_by_one(tracks=tracks, pages=pages)
    for made, expected in ((many, singles), (many.part(1, 3), singles.part(1, 3))):
        count = len(expected.links)
        assert list(made.unsubscribe_urls) == expected.unsubscribe_urls
        for url in URLS:
            shown = made.followed_by_all(url, track=track)
            assert shown == expected.followed_by_all(url, track=track)
        for urls in (URLS[:count], PAGES[3 - count :], PAGES[:count]):
            assert made.followed(urls, track=track) == expected.followed(urls, track=track)


def test_an_address_of_each_ones_own_is_made_for_nobody_else() -> None:
    asked: list[str] = []

    def for_all(url: str) -> list[str]:
        asked.append(url)
        return [tracked_in(n, url) for n in range(3)]

    links = Together(3, for_all, tracked_in, lambda: PAGES)
    own = [f"https://shop.example/?reader={n}" for n in range(3)]
    assert links.followed(own) == [tracked_in(n, url) for n, url in enumerate(own)]
    assert asked == []
