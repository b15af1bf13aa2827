"""Consent: who said yes or no, and the one gate that answers may_contact."""
