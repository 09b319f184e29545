from typing import Any

from rest_framework import serializers

from instances.bulk import Status
from tags.serializers import MOST_INSTANCES, keys

STATUSES = [(one.value, one.value) for one in Status]


class AnythingField(serializers.JSONField):
    """A row that is wrong is told so in its own result, and fails no other."""


class BatchCreateSerializer(serializers.Serializer[Any]):
    instances = serializers.ListField(
        child=AnythingField(), allow_empty=False, max_length=MOST_INSTANCES
    )


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="The rows as CSV.")


class ImportOptionsSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField(
        default=False, help_text="Say what each row would do, and change nothing."
    )
    all_or_nothing = serializers.BooleanField(
        default=False, help_text="Write the good rows only when there is no bad one."
    )


class ImportRowSerializer(serializers.Serializer[Any]):
    """What became of a row. ``valid`` and ``withheld`` ones are good and were not written."""

    line = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=STATUSES)
    instance_id = serializers.IntegerField(allow_null=True)
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))  # type: ignore[assignment]


class ImportResultSerializer(serializers.Serializer[Any]):
    counts = serializers.DictField(child=serializers.IntegerField())
    rows = ImportRowSerializer(many=True)


class BatchDeleteSerializer(serializers.Serializer[Any]):
    instance_ids = keys(MOST_INSTANCES)


class BatchDeletedSerializer(serializers.Serializer[Any]):
    """``unchanged`` were in the recycle bin before."""

    deleted = serializers.IntegerField()
    unchanged = serializers.IntegerField()
