"""Data: the event log, imports, jobs, and the product's clock."""

from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.views.data import clock, health, imports, jobs

viewer = access.gate()
say_what_was_done()
page_header("Data", "One log for what customers do and what happens to messages.")

SECTIONS = {
    "Log": health.show,
    "Import": imports.show,
    "Jobs": jobs.show,
    "Clock": clock.show,
}
SECTIONS[open_section(SECTIONS, key="dat_tab")](viewer)
