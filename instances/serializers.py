from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from instances.engines import engine_choices
from instances.hosts import check_host
from instances.models import Credential, Instance, Section
from instances.moving import SERVER, why_to_ask
from instances.places import refuse_taken
from instances.probe import Preflight
from instances.references import check_reference
from tags.models import Tag
from whalefall.core.api import SecretField


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    password = SecretField(validators=[check_reference])

    class Meta:
        model = Credential
        fields = ("id", "name", "username", "password", "description", "is_active")


class InstanceSerializer(serializers.ModelSerializer[Instance]):
    tags = serializers.SlugRelatedField(
        slug_field="name", many=True, queryset=Tag.objects.all(), required=False
    )

    class Meta:
        model = Instance
        fields = (
            *("id", "name", *SERVER, "service_name", "credential", "tls_mode", "tls_ca"),
            *("environment", "storage_limit_bytes", "tags", "is_active"),
            *("version", "deleted_at", "last_reached_at", "last_error"),
        )
        validators = ()  # DRF's take no notice of the constraints' condition
        read_only_fields = ("version", "deleted_at", "last_reached_at", "last_error")
        extra_kwargs = {
            "port": {"min_value": 1, "max_value": 65535},
            "service_name": {"default": ""},
            "storage_limit_bytes": {"min_value": 0},
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        before = {} if self.instance is None else vars(self.instance)
        if before and "credential" not in attrs:
            self.refuse_to_move(before, attrs)
        refuse_taken({"service_name": "", **before, **attrs}, by=self.instance)
        return attrs

    def refuse_to_move(self, before: dict[str, Any], attrs: dict[str, Any]) -> None:
        """A stored password goes to another server only if somebody says so."""
        if text := why_to_ask(before, attrs):
            raise ValidationError({"credential": [text]})


class InstanceNameSerializer(serializers.ModelSerializer[Instance]):
    """An instance inside another document."""

    class Meta:
        model = Instance
        fields = ("id", "name", "engine")
        read_only_fields = fields


class SectionSerializer(serializers.ModelSerializer[Section]):
    class Meta:
        model = Section
        fields = ("name", "database", "state", "reason", "needed_grant", "read_at")
        read_only_fields = fields


class PreflightSectionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    database = serializers.CharField()
    is_complete = serializers.BooleanField()
    reason = serializers.CharField()
    needed_grant = serializers.CharField()


class PreflightSerializer(serializers.Serializer[Preflight]):
    """What our login can and cannot see, and the statements that would complete it."""

    version = serializers.CharField()
    coverage = serializers.FloatField()
    sections = PreflightSectionSerializer(many=True)
    needed_grants = serializers.ListField(child=serializers.CharField())


class ConnectionStatusSerializer(serializers.ModelSerializer[Instance]):
    """What the last attempt to reach the server found; nothing is connected to."""

    status = serializers.SerializerMethodField()

    class Meta:
        model = Instance
        fields = ("status", "version", "last_reached_at", "last_error")
        read_only_fields = fields

    def get_status(self, instance: Instance) -> str:
        if instance.last_error:
            return "unreachable"
        return "reachable" if instance.last_reached_at else "unknown"


class EngineCountSerializer(serializers.Serializer[Any]):
    engine = serializers.CharField()
    instances = serializers.IntegerField()


class EnvironmentCountSerializer(serializers.Serializer[Any]):
    """``environment`` is empty for those without one."""

    environment = serializers.CharField()
    instances = serializers.IntegerField()


class ReadingsSerializer(serializers.Serializer[Any]):
    """What the last reading of accounts knew of each instance."""

    complete = serializers.IntegerField()
    partial = serializers.IntegerField()  # type: ignore[assignment]
    never_read = serializers.IntegerField()


class StatisticsSerializer(serializers.Serializer[Any]):
    """Numbers of instances outside the recycle bin. ``unknown``: never reached, nor tried."""

    total = serializers.IntegerField()
    active = serializers.IntegerField()
    switched_off = serializers.IntegerField()
    in_recycle_bin = serializers.IntegerField()
    reachable = serializers.IntegerField()
    unreachable = serializers.IntegerField()
    unknown = serializers.IntegerField()
    engines = EngineCountSerializer(many=True)
    environments = EnvironmentCountSerializer(many=True)
    coverage = ReadingsSerializer()


class StoredTargetSerializer(serializers.Serializer[Any]):
    """A stored instance is tested as it stands: its credential is sent to its own host alone."""

    instance_id = serializers.PrimaryKeyRelatedField(
        source="instance", queryset=Instance.objects.living()
    )


class TypedTargetSerializer(serializers.Serializer[Any]):
    engine = serializers.ChoiceField(choices=[])
    host = serializers.CharField(max_length=255, validators=[check_host])
    port = serializers.IntegerField(min_value=1, max_value=65535)
    username = serializers.CharField(max_length=255)
    password = SecretField()
    service_name = serializers.CharField(max_length=255, default="", allow_blank=True)
    tls_mode = serializers.ChoiceField(
        choices=Instance.TlsMode.choices, default=Instance.TlsMode.PREFER
    )
    tls_ca = serializers.CharField(default="", allow_blank=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["engine"] = serializers.ChoiceField(choices=engine_choices())
