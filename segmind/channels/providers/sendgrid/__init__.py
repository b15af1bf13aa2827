"""E-mail by SendGrid.

The SDK authenticates, addresses the API and checks webhook signatures. Its transport is not used:
it opens a new connection for every call, waits for ever, and logs the key and every recipient.

Up to 500 recipients share one request: what their e-mails have in common goes once, what differs
goes as substitutions of the recipient's own, already escaped.
"""

from segmind.channels.providers.sendgrid.provider import SendGrid
from segmind.channels.providers.sendgrid.settings import BadWebhookKey, SendGridSettings

__all__ = ["BadWebhookKey", "SendGrid", "SendGridSettings"]
