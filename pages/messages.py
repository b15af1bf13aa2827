"""Messages: find one, and follow it."""

from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.header import page_header
from segmind.ui.views.messages import list as found
from segmind.ui.views.messages import search

access.gate()
say_what_was_done()
page_header("Messages", "Every message that was sent, waits, or was not sent, and why")
found.show(search.show())
