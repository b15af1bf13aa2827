"""Those for whom a text is made: what each may name, by column and one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from segmind.templates.links import KEY, Box, Links, LinksOfAll, OneByOne

#: The name behind which everybody finds his own page to unsubscribe.
UNSUBSCRIBE: Final = "unsubscribe_url"


class Recipients(Protocol):
    """Several recipients of one template."""

    @property
    def links(self) -> LinksOfAll:
        """Their links."""

    def __len__(self) -> int: ...

    def column(self, name: str) -> list[Any]:
        """What each has behind a name; None who has nothing."""

    def values(self, n: int) -> Mapping[str, object]:
        """All that the one at place ``n`` may name, as plain data, with his links (``KEY``)."""

    def part(self, start: int, stop: int) -> Recipients:
        """Those from ``start`` to before ``stop``."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """Recipients each of whom has a context of his own (``variables.context``)."""

    contexts: Sequence[Mapping[str, object]]
    links: LinksOfAll

    @classmethod
    def of_one(cls, context: Mapping[str, object], links: Links) -> Contexts:
        """A single one."""
        return cls((context,), OneByOne((links,)))

    def __len__(self) -> int:
        return len(self.contexts)

    def column(self, name: str) -> list[Any]:
        if name == UNSUBSCRIBE:
            return list(self.links.unsubscribe_urls)
        return [context.get(name) for context in self.contexts]

    def values(self, n: int) -> Mapping[str, object]:
        return with_links(self.contexts[n], self.links.of(n))

    def part(self, start: int, stop: int) -> Contexts:
        return Contexts(self.contexts[start:stop], self.links.part(start, stop))


def with_links(context: Mapping[str, object], links: Links) -> dict[str, object]:
    """The context with what stands for links in a rendering."""
    return {**context, KEY: Box(links), UNSUBSCRIBE: links.unsubscribe_url}
