"""The workspace's own rows: settings, jobs, members, keys, credentials, audit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from segmind import clock
from segmind.db import jobs as job_rows
from segmind.ui.access import allow
from segmind.ui.store import now, store
from segmind.workspace import api_keys, audit, members, product_settings
from segmind.workspace.permissions import Action, Role, require
from segmind.workspace.product_settings import ProductSettings


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def settings() -> ProductSettings:
    """The product settings."""
    with store().engine.connect() as conn:
        return product_settings.load(conn)


def save_settings(changes: Mapping[str, Any]) -> ProductSettings:
    """Change product settings. Raises InvalidSetting, NotAllowed."""
    who = allow(Action.EDIT_SETTINGS)
    with store().engine.begin() as conn:
        saved = product_settings.save(conn, changes, who.email, clock.wall())
    settings.clear()
    if {"timezone", "currency", "clock_frozen_at"} & changes.keys():
        st.cache_data.clear()
    return saved


@st.cache_data(ttl=2, max_entries=2, show_spinner=False)
def jobs() -> list[job_rows.Job]:
    """The newest jobs first."""
    with store().engine.connect() as conn:
        return job_rows.recent(conn, 20)


def list_members() -> list[members.Member]:
    """Everybody who works here."""
    with store().engine.connect() as conn:
        return members.list_members(conn)


def add_member(email: str, name: str, role: Role, password: str) -> members.Member:
    """Add a member; the first one must be an owner. Raises InvalidInput, MemberExists."""
    who = allow(Action.MANAGE_MEMBERS)
    if role is Role.OWNER:
        require(who.role, Action.MANAGE_OWNERS)
    at = clock.wall()
    with store().engine.begin() as conn:
        if who.is_open:
            return members.create_first(conn, email=email, name=name, password=password, now=at)
        return members.create(
            conn, email=email, name=name, role=role, password=password, actor=who.email, now=at
        )


def change_member(member_id: int, *, role: Role | None, is_active: bool | None) -> None:
    """Change a member's role or activity. Raises LastOwner, NotAllowed."""
    who = allow(Action.MANAGE_MEMBERS)
    with store().engine.begin() as conn:
        before = members.get(conn, member_id)
        if Role.OWNER in (before.role, role):
            require(who.role, Action.MANAGE_OWNERS)
        members.change(conn, member_id, actor=who.email, role=role, is_active=is_active)


def remove_member(member_id: int) -> None:
    """Remove a member. Raises LastOwner, NotAllowed."""
    who = allow(Action.MANAGE_MEMBERS)
    with store().engine.begin() as conn:
        if members.get(conn, member_id).role is Role.OWNER:
            require(who.role, Action.MANAGE_OWNERS)
        members.remove(conn, member_id, actor=who.email)


def keys() -> list[api_keys.ApiKey]:
    """Every API key as it can be shown."""
    with store().engine.connect() as conn:
        return api_keys.list_keys(conn)


def create_key(name: str, scopes: list[str]) -> str:
    """Make a key; returns what nobody can read again."""
    who = allow(Action.MANAGE_KEYS)
    with store().engine.begin() as conn:
        _, secret = api_keys.create(conn, name, scopes, actor=who.email, now=clock.wall())
    return secret


def revoke_key(key_id: str) -> None:
    """Refuse a key from now on."""
    who = allow(Action.MANAGE_KEYS)
    with store().engine.begin() as conn:
        api_keys.revoke(conn, key_id, actor=who.email, now=clock.wall())


def audit_entries(before: int | None = None) -> list[audit.Entry]:
    """The newest acts first. Raises NotAllowed."""
    allow(Action.READ_AUDIT)
    with store().engine.connect() as conn:
        return audit.recent(conn, limit=50, before=before)


def present() -> datetime:
    """The product's present instant."""
    return now()
