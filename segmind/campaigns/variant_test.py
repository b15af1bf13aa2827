"""The plan of a test between variants: what is written, who sees it, and what decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segmind.errors import InvalidInput
from segmind.experiments.contest import Metric
from segmind.experiments.variants import Variant

#: The campaign's own content: the others are compared with it.
CONTROL: Final = "A"
#: Names of variants in their order.
NAMES: Final = ("A", "B", "C", "D", "E")


class InvalidVariantTest(InvalidInput):
    """The test of variants cannot be used."""

    code = "invalid_variant_test"
    hint = "Give one to four variants, each with its content, and a share of 1 to 100 percent."


Otherwise = Literal["leader", "control", "wait"]


class Written(BaseModel):
    """A variant beside the campaign's own content. ``content``: a draft of the template language;
    ``weight``: relative to the control's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content: dict[str, Any] = {}
    weight: float = Field(default=1.0, gt=0, le=100)


class VariantTest(BaseModel):
    """A test: a share of the audience sees the variants, the rest is sent what won.

    ``variants`` are called B, C, D, E; A is the campaign's own content, with ``weight``. ``hours``
    after the last message of the test was queued the winner is decided by ``metric``
    (``automatic``), or a person is asked (``by_hand``). ``otherwise``: what the rest is sent where
    no variant is better by more than chance: the one that leads, the control, or nothing until a
    person says. With a share of 100 there is no rest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    variants: Annotated[tuple[Written, ...], Field(min_length=1, max_length=len(NAMES) - 1)]
    weight: float = Field(default=1.0, gt=0, le=100)
    share_percent: float = Field(default=20.0, ge=1, le=100)
    metric: Metric = Metric.CLICKS
    hours: float = Field(default=4.0, ge=0.25, le=168)
    decide: Literal["automatic", "by_hand"] = "automatic"
    otherwise: Otherwise = "leader"

    @property
    def arms(self) -> tuple[Variant, ...]:
        """All variants with their weights, the control first."""
        weights = (self.weight, *(each.weight for each in self.variants))
        return tuple(Variant(name, weight) for name, weight in zip(NAMES, weights, strict=False))

    @property
    def contents(self) -> dict[str, dict[str, Any]]:
        """What the variants beside the control say, by name."""
        return {name: each.content for name, each in zip(NAMES[1:], self.variants, strict=False)}

    def with_content(self, name: str, content: dict[str, Any]) -> VariantTest:
        """The same plan, variant ``name`` (not the control) saying ``content``."""
        at = NAMES.index(name) - 1
        written = [
            each.model_copy(update={"content": content}) if n == at else each
            for n, each in enumerate(self.variants)
        ]
        return self.model_copy(update={"variants": tuple(written)})

    def with_variants(self, count: int, content: dict[str, Any]) -> VariantTest:
        """The same plan with so many variants beside the control; new ones say ``content``."""
        kept = self.variants[:count]
        new = tuple(Written(content=content) for _ in range(count - len(kept)))
        return self.model_copy(update={"variants": (*kept, *new)})

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def parse(value: object) -> VariantTest:
    """The plan from JSON.

    Raises:
        InvalidVariantTest: ``field`` names the path (``variant_test.variants.0.weight``).
    """
    if isinstance(value, VariantTest):
        return value
    if not isinstance(value, Mapping):
        raise InvalidVariantTest("A test of variants is an object.", field="variant_test")
    try:
        return VariantTest.model_validate(dict(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        path = ".".join(["variant_test", *map(str, first["loc"])])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidVariantTest(
            f"The test of variants cannot be used: {said}.", field=path
        ) from None
