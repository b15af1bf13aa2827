"""Lift of campaigns, automations and all marketing."""
