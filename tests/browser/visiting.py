"""A visit by browser: opened pages, what they say, and what must never happen on them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

ARTEFACTS = Path(__file__).parent / "artefacts"
#: Milliseconds, for machines that are busy with something else.
PATIENCE_MS = 90_000

#: Addresses about which the browser may complain: Streamlit's own, nothing of ours.
ALLOWED_COMPLAINTS = (
    # On a deep link it first looks for its server below the page's own address.
    re.compile(r"/[a-z]+/_stcore/(health|host-config)$"),
)
expect.set_options(timeout=PATIENCE_MS)
_RUNNING = '[data-testid="stApp"]:not([data-test-script-state="notRunning"])'


@dataclass
class Visit:
    """One tab. ``faults`` fills with every fault that the browser saw."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    wandering: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        self.page.on("request", self._on_request)

    def open(self, path: str) -> None:
        """Go to an address of the app and wait until the page stands."""
        self.page.goto(f"{self.base}{path}")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing runs and nothing is a placeholder any more."""
        page = self.page
        page.wait_for_selector('[data-testid="stMain"]', state="attached")
        page.wait_for_selector(_RUNNING, state="detached")
        page.wait_for_selector('[data-testid="stSkeleton"]', state="detached")
        page.wait_for_selector('[data-stale="true"]', state="detached")

    def rest(self) -> None:
        """Leave the app while something is waited for: a page that follows it takes half a core."""
        self.page.goto("about:blank")

    def at(self, key: str) -> Locator:
        """The element that the app keyed ``key``."""
        return self.page.locator(f".st-key-{key}")

    def press(self, key: str) -> None:
        """Press the button of that key."""
        self.at(key).locator("button").first.click()

    def fill(self, key: str, text: str) -> None:
        """Type into the input of that key and leave it."""
        box = self.at(key).locator("input, textarea").first
        box.fill(text)
        box.blur()

    def choose(self, key: str, option: str | re.Pattern[str]) -> None:
        """Choose an option of the select box of that key."""
        self.at(key).locator('[data-baseweb="select"], [role="combobox"], input').first.click()
        self.page.get_by_role("option", name=option).first.click()

    def segment(self, key: str, option: str | re.Pattern[str]) -> None:
        """Choose in the segmented control of that key."""
        self.at(key).get_by_role("radio", name=option).or_(
            self.at(key).get_by_role("button", name=option)
        ).first.click()

    def count_in(self, key: str) -> int:
        """The first number in the metric of that key."""
        said = self.at(key).get_by_test_id("stMetricValue").first.inner_text()
        return int(said.replace(",", "").replace("\u202f", "").strip())

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page, where pictures are asked for (SEGMIND_PICTURES=1)."""
        if os.environ.get("SEGMIND_PICTURES"):
            self.picture(name)

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page: charts are drawn anew, twice, for it."""
        ARTEFACTS.mkdir(exist_ok=True)
        before = self.page.viewport_size or {"width": 1360, "height": 900}
        height = self.page.evaluate(
            "Math.max(...[...document.querySelectorAll('[data-testid=stMain]')]"
            ".map(e => e.scrollHeight), innerHeight)"
        )
        self.page.set_viewport_size({"width": before["width"], "height": min(int(height), 6000)})
        self.page.wait_for_timeout(100)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")
        self.page.set_viewport_size(before)

    def assert_well(self) -> None:
        """The page shows no exception and no apology, and the browser has not complained."""
        broken = self.page.locator('[data-testid="stException"]').all_inner_texts()
        assert not broken, f"{self.page.url}: {broken}"
        apology = self.page.get_by_text("went wrong on our side").all_inner_texts()
        assert not apology, f"{self.page.url}: {apology}"
        self.assert_quiet()

    def assert_quiet(self) -> None:
        """No complaint of the browser, and no request that left this machine."""
        assert not self.faults, "\n".join(self.faults)
        assert not self.wandering, f"Requests that left this machine: {self.wandering}"

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        source = message.location["url"]
        if not any(allowed.search(source) for allowed in ALLOWED_COMPLAINTS):
            self.faults.append(f"{self.page.url}: {message.text} ({source})")

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"data", "blob", "about"}:
            return
        if address.hostname != "127.0.0.1":
            self.wandering.append(request.url)
