"""Automations: steps that customers move through."""
