"""The segment builder: native rows that read as a sentence, groups as bordered containers."""

from segmind.ui.components.rule_builder.builder import rule_builder

__all__ = ["rule_builder"]
