"""Put tags on many instances at once, or take them off. Called inside a transaction.

However many there are, each is one statement, and the audit log has one entry per tag.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from instances.models import Instance
from tags.models import Tag
from whalefall.core.audit import note
from whalefall.core.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Tagging:
    """``changed`` pairs of an instance and a tag are new, or gone; ``unchanged`` were so before."""

    instances: int
    tags: int
    changed: int
    unchanged: int


def assign_tags(instance_ids: Collection[int], tag_ids: Collection[int]) -> Tagging:
    """Every tag on every instance. Raises InvalidRequest naming unknown ids: nothing changes."""
    instances, tags = known_instances(instance_ids), known_tags(tag_ids)
    chosen = Instance.objects.filter(pk__in=instances)
    had = set(chosen.tag_pairs().filter(tag__in=tags).values_list("tag", "instance"))
    added = chosen.assign_tags(tags)
    pairs = ((tag, one) for tag in tags for one in instances if (tag, one) not in had)
    note_pairs("add", pairs, tags, instances)
    return Tagging(len(instances), len(tags), added, len(instances) * len(tags) - added)


def remove_tags(instance_ids: Collection[int], tag_ids: Collection[int]) -> Tagging:
    """None of the tags on any of the instances. Raises InvalidRequest like ``assign_tags``."""
    instances, tags = known_instances(instance_ids), known_tags(tag_ids)
    gone = taken_off(instances, tags)
    return Tagging(len(instances), len(tags), gone, len(instances) * len(tags) - gone)


def remove_all_tags(instance_ids: Collection[int]) -> Tagging:
    """No tag on any of the instances. Raises InvalidRequest like ``assign_tags``."""
    instances = known_instances(instance_ids)
    had = Tag.objects.filter(instances__in=instances).distinct()
    tags = dict(had.values_list("pk", "name"))
    return Tagging(len(instances), len(tags), taken_off(instances, tags), 0)


def taken_off(instances: Mapping[int, str], tags: Mapping[int, str]) -> int:
    chosen = Instance.objects.filter(pk__in=instances)
    had = list(chosen.tag_pairs().filter(tag__in=tags).values_list("tag", "instance"))
    gone = chosen.remove_tags(tags)
    note_pairs("delete", had, tags, instances)
    return gone


def known_instances(keys: Collection[int]) -> dict[int, str]:
    """Their names, also of those in the recycle bin. Raises InvalidRequest."""
    return known("instance_ids", Instance.objects, keys)


def known_tags(keys: Collection[int]) -> dict[int, str]:
    return known("tag_ids", Tag.objects, keys)


def known(part: str, rows: Any, keys: Collection[int]) -> dict[int, str]:
    found = dict(rows.filter(pk__in=set(keys)).values_list("pk", "name").order_by("name"))
    unknown = sorted(set(keys) - found.keys())
    if unknown:
        named = ", ".join([*map(str, unknown[:10]), *(["…"] if len(unknown) > 10 else [])])
        text = _("There is none with the id %(ids)s.") % {"ids": named}
        raise InvalidRequest(f"{part}: {text}", extra={"fields": {part: [text]}})
    return found


def note_pairs(
    operation: str,
    pairs: Iterable[tuple[int, int]],
    tags: Mapping[int, str],
    instances: Mapping[int, str],
) -> None:
    """One entry for each tag, with the names of the instances that got or lost it."""
    names = defaultdict(list)
    for tag, instance in pairs:
        names[tag].append(instances[instance])
    note(
        (
            Tag(pk=tag, name=tags[tag]),
            {"instances": {"type": "m2m", "operation": operation, "objects": sorted(found)}},
        )
        for tag, found in names.items()
    )
