"""Campaigns: draft, scheduled, sending, paused, sent or cancelled."""
