"""Segmind: whom to talk to, by which channel, and what it earned."""

__version__ = "0.3.0"
