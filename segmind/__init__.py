"""Segmind: whom to talk to, by which channel, and what it earned."""

__version__ = "0.2.0"
