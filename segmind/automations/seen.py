"""What whoever writes has seen: nobody overwrites what somebody else changed since."""

from __future__ import annotations

from dataclasses import dataclass

from segmind.errors import Conflict


class ChangedSince(Conflict):
    """Version {version} of this automation was saved since you read version {seen}."""

    code = "automation_changed"
    hint = "Read the newest version, and make your change in it."

    @property
    def more(self) -> dict[str, object]:
        """What the answer has beside the sentence: the version that there is now."""
        return {"version": self.values["version"]}


class RenamedSince(Conflict):
    """This automation is called “{name}” since you read it as “{seen}”."""

    code = "automation_renamed"
    hint = "Read its name again before you give it another."


@dataclass(frozen=True, slots=True)
class Seen:
    """What a writer began from. None: whatever there is may be overwritten."""

    version: int | None = None
    name: str | None = None

    def require(self, *, version: int, name: str, saves: bool, renames: bool) -> None:
        """Let a change pass that ``saves`` a definition or ``renames``, where these are what there
        is now.

        Raises:
            ChangedSince: another version is to be followed by this one.
            RenamedSince: another name is to be replaced.
        """
        if saves and self.version not in {None, version}:
            raise ChangedSince(version=version, seen=self.version, field="seen_version")
        if renames and self.name not in {None, name}:
            raise RenamedSince(name=name, seen=self.name, field="seen_name")


#: Of a writer who did not say what they saw.
NOTHING = Seen()
