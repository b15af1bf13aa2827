"""The demo shop: a synthetic log, its people, and a past of campaigns with known true effects."""
