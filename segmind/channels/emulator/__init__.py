"""Vendors on loopback: Twilio, SendGrid and FCM as servers that take everything, carry nothing and
misbehave by a seeded plan. For rehearsals and for tests; ``python -m segmind.channels.emulator``.
"""
