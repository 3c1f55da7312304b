"""What a conversion did."""

from dataclasses import dataclass, field


@dataclass
class Written:
    """Counts, and what is lost on the way.

    Attributes:
        photos: by folder below the new one, ``""`` for itself.
        linked: photos that are hard links to the old ones. copied: those that are copies; those
            in tables are neither.
        lost: in words, what the new layout cannot say.
        unusable: ``(path, reason)`` of what was found and could not be read.
    """

    photos: dict[str, int] = field(default_factory=dict)
    linked: int = 0
    copied: int = 0
    lost: list[str] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)
