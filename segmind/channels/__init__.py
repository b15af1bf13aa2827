"""Channels: the edge of the world; knows no database."""
