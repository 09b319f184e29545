from typing import Any

from rest_framework import serializers

from tags.models import Tag

MOST_INSTANCES, MOST_TAGS = 20_000, 1_000


class TagSerializer(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ("id", "name", "category")


class TagCategorySerializer(serializers.Serializer[Any]):
    """``category`` is empty for tags without one."""

    category = serializers.CharField()
    tags = serializers.IntegerField()
    instances = serializers.IntegerField(help_text="Outside the recycle bin, with any of the tags.")


def keys(most: int) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        allow_empty=False,
        max_length=most,
    )


class RemoveAllTagsSerializer(serializers.Serializer[Any]):
    instance_ids = keys(MOST_INSTANCES)


class BulkTagsSerializer(RemoveAllTagsSerializer):
    tag_ids = keys(MOST_TAGS)


class TaggingSerializer(serializers.Serializer[Any]):
    """``changed`` pairs of an instance and a tag are new, or gone; ``unchanged`` were so before."""

    instances = serializers.IntegerField()
    tags = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
