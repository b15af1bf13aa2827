"""Which messages would have left, and when: consent, quiet hours, caps, and what came between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from segmind import stopping
from segmind.automations.backtest import contacts
from segmind.automations.backtest.past import Past, instant, micros
from segmind.automations.backtest.runs import TOO_LATE, UNREACHABLE, Runs, Sends
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.definition import Definition
from segmind.automations.steps import Option, Send
from segmind.consent.addresses import as_channel
from segmind.consent.gate import screen
from segmind.consent.hours import week_for
from segmind.consent.quiet_hours import ALWAYS, opening
from segmind.consent.reasons import Reason
from segmind.consent.zones import Place, Whereabouts, place_of
from segmind.events.schema import Channel
from segmind.workspace.product_settings import ProductSettings

SENT: Final = "sent"
NOT_YET: Final = "not_yet"
#: Why a message did not leave, in the order in which reasons are looked for.
BLOCKS: Final = {
    "too_late": "Too late for the message",
    "not_reachable": "No channel reaches them",
    **{
        reason.value: reason.label
        for reason in (
            Reason.NO_ADDRESS,
            Reason.INVALID_ADDRESS,
            Reason.NO_CONSENT,
            Reason.SUPPRESSED,
            Reason.NEVER_OPEN,
            Reason.QUIET_HOURS,
        )
    },
    "withdrawn": "Withdrawn: an exit event came while it waited for its hour",
    NOT_YET: "Still waiting for its hour at the end",
    Reason.FREQUENCY_CAP.value: Reason.FREQUENCY_CAP.label,
}
_FATES: Final = (SENT, *BLOCKS)
_CODE: Final = {fate: n for n, fate in enumerate(_FATES)}
_MINUTE: Final = 60_000_000


@dataclass
class Fates:
    """Of each message: when it left (NEVER: not), and its fate as a place in ``names``."""

    at: np.ndarray
    code: np.ndarray
    names: tuple[str, ...] = _FATES

    def are(self, fate: str) -> np.ndarray:
        """Which of them had that fate."""
        found: np.ndarray = self.code == _CODE[fate]
        return found


@dataclass(frozen=True)
class Gate:
    """What is asked before messages leave. ``own``: the automation, if it is one that ran then."""

    past: Past
    definition: Definition
    settings: ProductSettings
    own: int | None

    def fates(self, runs: Runs, sends: Sends) -> Fates:
        """What becomes of the messages. Consent, addresses and hours are the present ones."""
        fates = Fates(sends.at.copy(), np.zeros(sends.at.shape, dtype=np.int64))
        fates.code[sends.option == UNREACHABLE] = _CODE["not_reachable"]
        fates.code[sends.option == TOO_LATE] = _CODE["too_late"]
        for n, step in enumerate(self.definition.steps):
            if isinstance(step, Send):
                for m, option in enumerate(step.options):
                    stopping.check()
                    mine = np.flatnonzero((sends.step == n) & (sends.option == m))
                    self._judge(step, option, mine, runs, sends, fates)
        self._cap(runs, sends, fates)
        fates.at[fates.code != 0] = NEVER
        return fates

    def _judge(
        self, step: Send, option: Option, mine: np.ndarray, runs: Runs, sends: Sends, fates: Fates
    ) -> None:
        customers = runs.customers[sends.rows[mine]]
        channel = as_channel(option.channel)
        fates.code[mine] = self._screened(channel, step.purpose, customers)
        mine = mine[fates.code[mine] == 0]
        if step.purpose == "marketing":
            self._wait_for_the_hour(channel, mine, runs.customers[sends.rows[mine]], fates)
        waited = mine[fates.code[mine] == 0]
        latest = sends.at[waited] + step.valid_minutes * _MINUTE
        fates.code[waited[fates.at[waited] > latest]] = _CODE[Reason.QUIET_HOURS]
        ended = runs.end[sends.rows[waited]] <= np.minimum(fates.at[waited], latest)
        fates.code[waited[ended]] = _CODE["withdrawn"]
        waited = waited[fates.code[waited] == 0]
        late = fates.at[waited] > micros(self.past.now)
        fates.code[waited[late]] = _CODE[NOT_YET]

    def _screened(self, channel: Channel, purpose: str, customers: np.ndarray) -> np.ndarray:
        """The gate's first reason for each, as a fate's code; 0 for none."""
        people = self._people(customers)
        countries = self.settings.email_unasked_countries
        screened = screen(people, channel, purpose, countries).select("customer_id", "reason")
        codes = screened.with_columns(
            pl.col("reason").replace_strict(_CODE, default=0, return_dtype=pl.Int64)
        ).collect()
        asked = pl.DataFrame({"customer_id": customers})
        joined = asked.join(codes, on="customer_id", how="left", maintain_order="left")
        found: np.ndarray = joined["reason"].fill_null(_CODE[Reason.NO_ADDRESS]).to_numpy()
        return found

    def _people(self, customers: np.ndarray) -> pl.LazyFrame:
        wanted = pl.Series("customer_id", self.past.people(customers), dtype=pl.Int64)
        rows = self.past.facts.customers
        return rows.filter(pl.col("customer_id").is_in(wanted.implode()))

    def _wait_for_the_hour(
        self, channel: Channel, mine: np.ndarray, customers: np.ndarray, fates: Fates
    ) -> None:
        name = channel.label
        if name not in self.settings.quiet_hours and not self.settings.place_hours.get(name):  # type: ignore[call-overload]
            return
        places = self._places(customers)
        for row, customer in zip(mine.tolist(), customers.tolist(), strict=True):
            place = places[customer]
            week = week_for(self.settings, channel, place)
            if week == ALWAYS:
                continue
            found = opening(week, place.zones, instant(int(fates.at[row])))
            if found is None:
                fates.code[row] = _CODE[Reason.NEVER_OPEN]
            else:
                fates.at[row] = micros(found.opens)

    def _places(self, customers: np.ndarray) -> dict[int, Place]:
        trait = pl.col("traits").str.json_path_match
        rows = (
            self._people(customers)
            .select(
                "customer_id",
                "timezone",
                "country",
                pl.coalesce(trait("$.state"), trait("$.region"), trait("$.province")).alias("s"),
                pl.coalesce(trait("$.postal_code"), trait("$.zip"), trait("$.postcode")).alias("z"),
                "phone",
            )
            .collect()
        )
        zone = self.settings.timezone
        return {row[0]: place_of(Whereabouts(*row[1:]), zone) for row in rows.iter_rows()}

    def _cap(self, runs: Runs, sends: Sends, fates: Fates) -> None:
        for channel in Channel:
            cap = self.settings.caps.get(channel.label)  # type: ignore[call-overload]
            mine = np.flatnonzero(
                np.isin(_code_of_pair(sends), self._places_of(channel)) & (fates.code == 0)
            )
            granted = contacts.allowed(
                self.past,
                channel,
                cap,
                runs.customers[sends.rows[mine]],
                fates.at[mine],
                self.settings.timezone,
                self.own,
            )
            fates.code[mine[~granted]] = _CODE[Reason.FREQUENCY_CAP]

    def _places_of(self, channel: Channel) -> np.ndarray:
        """The (step, option) pairs that count as marketing contacts on a channel."""
        found = [
            n * _OPTIONS + m
            for n, step in enumerate(self.definition.steps)
            if isinstance(step, Send) and step.purpose == "marketing"
            for m, option in enumerate(step.options)
            if as_channel(option.channel) is channel
        ]
        return np.array(found, dtype=np.int64)


_OPTIONS: Final = 8


def _code_of_pair(sends: Sends) -> np.ndarray:
    found: np.ndarray = np.where(sends.option < 0, -1, sends.step * _OPTIONS + sends.option)
    return found


def options_of(definition: Definition) -> Sequence[tuple[int, int, Send, Option]]:
    """Every option of every send step with the places of both."""
    return [
        (n, m, step, option)
        for n, step in enumerate(definition.steps)
        if isinstance(step, Send)
        for m, option in enumerate(step.options)
    ]
