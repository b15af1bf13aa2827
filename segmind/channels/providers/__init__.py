"""Vendors, one file each: settings, sending, webhook, word tables."""
