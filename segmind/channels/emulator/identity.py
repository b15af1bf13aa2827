"""Who the emulated vendors take us for: accounts, keys and a service account made for them."""

from __future__ import annotations

import base64
import functools
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PROJECT = "rehearsal"
SMS_SENDER = "+15005550006"
EMAIL_SENDER = "shop@rehearsal.example"


@dataclass(frozen=True, slots=True)
class Identity:
    """The secrets of one emulator. ``webhook_key`` signs SendGrid's events, ``service_key`` is the
    service account's; both are PEM (PKCS 8)."""

    account_sid: str
    auth_token: str
    api_key: str
    webhook_key: str
    service_key: str

    @classmethod
    def fresh(cls) -> Identity:
        """New secrets; the RSA key, which takes a tenth of a second to make, is the process's."""
        return cls(
            "AC" + secrets.token_hex(16),
            secrets.token_hex(16),
            "SG." + secrets.token_urlsafe(32),
            _pem(ec.generate_private_key(ec.SECP256R1())),
            _rsa_key(),
        )

    @classmethod
    def kept(cls, path: Path) -> Identity:
        """The identity in this file; made and written (readable by its owner only) if there is
        none, so that variables once set stay right."""
        if path.exists():
            return cls(**json.loads(path.read_text()))
        made = cls.fresh()
        write_secret(path, json.dumps({n: getattr(made, n) for n in cls.__dataclass_fields__}))
        return made

    def service_account(self, base_url: str) -> dict[str, str]:
        """The JSON that Firebase would offer, with its token endpoint on ``base_url``."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "emulator",
            "private_key": self.service_key,
            "client_email": f"push@{PROJECT}.iam.gserviceaccount.com",
            "token_uri": f"{base_url}/token",
        }

    def environment(self, base_url: str, service_account: str | None = None) -> dict[str, str]:
        """The variables that make Segmind use this emulator. ``service_account`` is the path of
        the service account's file; None: the JSON itself."""
        account = service_account or json.dumps(self.service_account(base_url))
        return {
            "SEGMIND_TWILIO_ACCOUNT_SID": self.account_sid,
            "SEGMIND_TWILIO_AUTH_TOKEN": self.auth_token,
            "SEGMIND_TWILIO_FROM": SMS_SENDER,
            "SEGMIND_TWILIO_BASE_URL": base_url,
            "SEGMIND_SENDGRID_API_KEY": self.api_key,
            "SEGMIND_SENDGRID_FROM": EMAIL_SENDER,
            "SEGMIND_SENDGRID_WEBHOOK_KEY": self.webhook_public_key(),
            "SEGMIND_SENDGRID_BASE_URL": base_url,
            "SEGMIND_FCM_SERVICE_ACCOUNT": account,
            "SEGMIND_FCM_BASE_URL": base_url,
        }

    def webhook_private_key(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs SendGrid's events."""
        key = serialization.load_pem_private_key(self.webhook_key.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def webhook_public_key(self) -> str:
        """Its public half as SendGrid shows it: DER in base64."""
        der = (
            self.webhook_private_key()
            .public_key()
            .public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return base64.b64encode(der).decode()

    def service_public_key(self) -> rsa.RSAPublicKey:
        """What the service account's assertions are checked with."""
        key = serialization.load_pem_private_key(self.service_key.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key.public_key()


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)


@functools.cache
def _rsa_key() -> str:
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
