"""How long a page takes in the browser, from the click on its name until it stands.

Usage: pages.py [--base http://127.0.0.1:8631] [--chromium /usr/bin/chromium] [--times 5]

Visits a running Segmind as a person does: in one tab, from page to page by the menu. A page stands
when its title is there, its script has run, and no part of it is a placeholder or stale any more.
Prints the first time and the median and slowest of the others, in milliseconds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Page, sync_playwright

from scripts.bench.machine import describe_machine
from scripts.bench.statistics import median

#: Titles by the address that the menu leads to.
PAGES: Final = {
    "overview": "Overview",
    "segments": "Segments",
    "moves": "Segment moves",
    "customers": "Customers",
    "insights": "Customer insight",
    "campaigns": "Campaigns",
    "automations": "Automations",
    "messages": "Messages",
    "engagement": "Engagement",
    "deliverability": "Deliverability",
    "revenue": "Revenue",
    "lift": "Lift",
    "data": "Data",
}
#: What is not there while a page is being made. Fragments of a page run on their own afterwards.
_UNFINISHED: Final = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app !== null
    && app.getAttribute('data-test-script-state') === 'notRunning'
    && document.querySelector('[data-testid="stSkeleton"]') === null
    && document.querySelector('[data-stale="true"]') === null;
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Time pages in the browser.")
    parser.add_argument("--base", default="http://127.0.0.1:8631")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    print(describe_machine())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(options.base)
        page.wait_for_function(_UNFINISHED)
        took: dict[str, list[float]] = {name: [] for name in PAGES}
        for _ in range(options.times + 1):
            for name in [*list(PAGES)[1:], "overview"]:
                took[name].append(_visited(page, name))
        browser.close()
    print(f"{'page':<20}{'first':>10}{'median':>10}{'slowest':>10}  ms")
    for name, (first, *others) in took.items():
        print(f"{PAGES[name]:<20}{first:>10.0f}{median(others):>10.0f}{max(others):>10.0f}")
    return 0


def _visited(page: Page, name: str) -> float:
    link = page.locator('[data-testid="stSidebarNav"] a', has_text=PAGES[name]).first
    began = time.perf_counter()
    link.click()
    page.wait_for_function(
        "title => [...document.querySelectorAll('h1')].some(h => h.innerText.trim() === title)",
        arg=PAGES[name],
        polling=10,
    )
    page.wait_for_function(_UNFINISHED, polling=10)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
