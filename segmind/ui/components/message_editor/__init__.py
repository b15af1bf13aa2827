"""Writing a message and seeing it as its recipient will."""

from segmind.ui.components.message_editor.editor import edit_message
from segmind.ui.components.message_editor.findings import show_findings
from segmind.ui.components.message_editor.preview import preview_message

__all__ = ["edit_message", "preview_message", "show_findings"]
