"""Which role may do what: the one place that says so."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from segmind.errors import SegmindError


class Role(StrEnum):
    """What a member is. Each role may do all that the roles below it may."""

    OWNER = "owner"
    ADMIN = "admin"
    MARKETER = "marketer"
    ANALYST = "analyst"
    VIEWER = "viewer"


class Action(StrEnum):
    """What can be allowed or refused."""

    VIEW = "view"
    EXPORT_DATA = "export_data"
    EXPORT_PERSONAL_DATA = "export_personal_data"  # names and addresses of many at once
    EDIT_SEGMENTS = "edit_segments"
    EDIT_TEMPLATES = "edit_templates"
    EDIT_CAMPAIGNS = "edit_campaigns"
    EDIT_AUTOMATIONS = "edit_automations"
    LAUNCH = "launch"  # campaigns and automations; also pause, resume, cancel
    SEND_MESSAGES = "send_messages"  # single and test messages
    EDIT_CUSTOMERS = "edit_customers"  # consents, traits
    IMPORT_DATA = "import_data"
    ERASE_CUSTOMERS = "erase_customers"
    EDIT_SETTINGS = "edit_settings"
    MANAGE_CREDENTIALS = "manage_credentials"
    MANAGE_KEYS = "manage_keys"
    MANAGE_MEMBERS = "manage_members"
    READ_AUDIT = "read_audit"
    MANAGE_OWNERS = "manage_owners"  # make, change or remove an owner


class NotAllowed(SegmindError):
    """Your role does not allow this."""

    code = "not_allowed"
    hint = "Ask an owner or an admin of this workspace."


_VIEWER: Final = frozenset({Action.VIEW})
_ANALYST: Final = _VIEWER | {Action.EXPORT_DATA, Action.EDIT_SEGMENTS}
_MARKETER: Final = _ANALYST | {
    Action.EXPORT_PERSONAL_DATA,
    Action.EDIT_TEMPLATES,
    Action.EDIT_CAMPAIGNS,
    Action.EDIT_AUTOMATIONS,
    Action.LAUNCH,
    Action.SEND_MESSAGES,
    Action.EDIT_CUSTOMERS,
    Action.IMPORT_DATA,
}
_OWNER: Final = frozenset(Action)

ALLOWED: Final[dict[Role, frozenset[Action]]] = {
    Role.OWNER: _OWNER,
    Role.ADMIN: _OWNER - {Action.MANAGE_OWNERS},
    Role.MARKETER: _MARKETER,
    Role.ANALYST: _ANALYST,
    Role.VIEWER: _VIEWER,
}


def may(role: Role | str, action: Action) -> bool:
    """Whether ``role`` allows ``action``; an unknown role allows nothing."""
    return role in ALLOWED and action in ALLOWED[Role(role)]


def require(role: Role | str, action: Action) -> None:
    """Let ``action`` pass.

    Raises:
        NotAllowed: the role does not allow it.
    """
    if not may(role, action):
        raise NotAllowed(f"The role {role} does not allow this ({action}).")
