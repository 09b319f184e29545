from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.facts import password_state
from accounts.models import Account, AccountChange, HeldReading
from instances.coverage import NEVER_READ, Coverage
from instances.models import Instance
from instances.serializers import InstanceNameSerializer, SectionSerializer
from whalefall.core.calendar import check_year


class CoverageSerializer(serializers.Serializer[Coverage]):
    """Known sections of all sections, in the instance's last reading."""

    known = serializers.IntegerField()
    total = serializers.IntegerField()
    is_complete = serializers.BooleanField()
    accounts_read_at = serializers.DateTimeField(allow_null=True)


class AccountSerializer(serializers.ModelSerializer[Account]):
    """NULL in a fact means that nobody knows."""

    instance = InstanceNameSerializer(read_only=True)  # type: ignore[assignment]
    password_state = serializers.SerializerMethodField()
    coverage = serializers.SerializerMethodField()

    class Meta:
        model = Account
        fields: tuple[str, ...] = (
            *("id", "instance", "name", "kind", "is_system", "can_login"),
            *("is_superuser", "is_locked", "password_state", "password_changed_at"),
            *("password_expires_at", "last_login_at", "first_seen_at", "removed_at", "coverage"),
        )
        read_only_fields = fields

    def get_password_state(self, account: Account) -> str | None:
        return password_state(account.facts, account.password_expires_at, now=timezone.now())

    @extend_schema_field(CoverageSerializer)
    def get_coverage(self, account: Account) -> Any:
        found = self.context["coverage"].get(account.instance_id, NEVER_READ)
        return CoverageSerializer(found).data


class FactCountSerializer(serializers.Serializer[Any]):
    """Of ``unknown`` accounts nobody can say; uncertain too where a server is not fully read."""

    code = serializers.CharField()
    title = serializers.CharField()
    yes = serializers.IntegerField()
    unknown = serializers.IntegerField()
    is_certain = serializers.BooleanField()


class KindCountSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    accounts = serializers.IntegerField()


class EngineAccountsSerializer(serializers.Serializer[Any]):
    engine = serializers.CharField()
    accounts = serializers.IntegerField()


class AccountStatisticsSerializer(serializers.Serializer[Any]):
    """Numbers of present accounts that are not the engine's own, of servers in use.

    They are as good as ``fully_read`` of ``instances``, which counts the active ones.
    """

    accounts = serializers.IntegerField()
    kinds = KindCountSerializer(many=True)
    engines = EngineAccountsSerializer(many=True)
    facts = FactCountSerializer(many=True)
    instances = serializers.IntegerField()
    fully_read = serializers.IntegerField()


class AccountDetailSerializer(AccountSerializer):
    class Meta(AccountSerializer.Meta):
        fields = (
            *AccountSerializer.Meta.fields,
            *("native_id", "attributes", "facts", "facts_version"),
        )
        read_only_fields = fields


class AccountNameSerializer(serializers.ModelSerializer[Account]):
    instance = InstanceNameSerializer(read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Account
        fields = ("id", "name", "kind", "instance")
        read_only_fields = fields


class AccountChangeSerializer(serializers.ModelSerializer[AccountChange]):
    account = AccountNameSerializer(read_only=True)

    class Meta:
        model = AccountChange
        fields = ("id", "account", "kind", "cause", "diff", "session", "occurred_at")
        read_only_fields = fields


class HeldReadingSerializer(serializers.ModelSerializer[HeldReading]):
    """``summary``: what the reading would have removed. The reading itself stays here."""

    instance = InstanceNameSerializer(  # type: ignore[assignment]
        read_only=True, source="record.instance"
    )
    session = serializers.UUIDField(read_only=True, source="record.session_id")
    read_at = serializers.DateTimeField(
        read_only=True, source="record.finished_at", allow_null=True
    )
    decided_by: Any = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = HeldReading
        fields = (
            *("id", "instance", "session", "read_at", "summary"),
            *("decision", "decided_by", "decided_at"),
        )
        read_only_fields = fields


class MomentSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField(required=False, validators=[check_year])

    def validate_at(self, value: Any) -> Any:
        if value > timezone.now():
            raise ValidationError("Nobody knows the future.")
        return value


class PermissionsQuerySerializer(MomentSerializer):
    effective = serializers.BooleanField(default=False)


class WhoCanQuerySerializer(MomentSerializer):
    privilege = serializers.CharField()
    object = serializers.CharField(help_text='db.schema.table, with "quotes" as in SQL; or *')
    instance: Any = serializers.PrimaryKeyRelatedField(
        queryset=Instance.objects.living(), default=None
    )
    set_role = serializers.BooleanField(
        default=False, help_text="Also those who could by SET ROLE only."
    )


class WaySerializer(serializers.Serializer[Any]):
    """The roles of ``via``, nearest first; the first ``set_role`` of them need SET ROLE."""

    via = serializers.ListField(child=serializers.CharField())
    set_role = serializers.IntegerField()
    power = serializers.CharField(help_text="What gives it without a grant, such as SUPERUSER.")
    to = serializers.CharField(allow_null=True, help_text="Who was granted it.")
    grantable = serializers.BooleanField()
    condition = serializers.CharField(help_text="What else it hangs on; empty for what is certain.")


class HolderSerializer(serializers.Serializer[Any]):
    """``reachable`` null: whether the way to the object is open is not known."""

    instance = serializers.CharField()
    instance_id = serializers.IntegerField()
    account = serializers.CharField()
    account_id = serializers.IntegerField()
    privilege = serializers.CharField()
    scope = serializers.CharField()
    grantable = serializers.BooleanField()
    reachable = serializers.BooleanField(allow_null=True)
    via = serializers.ListField(child=serializers.CharField())
    set_role = serializers.BooleanField()
    condition = serializers.CharField(help_text="Of the first way.")
    ways = WaySerializer(many=True)


class UntoldSerializer(serializers.Serializer[Any]):
    """An instance of which the answer may lack somebody."""

    instance = serializers.CharField(source="instance.name")
    instance_id = serializers.IntegerField(source="instance.pk")
    reason = serializers.CharField()


class PrivilegeSerializer(serializers.Serializer[Any]):
    """One privilege. ``reachable`` null: whether the way to the object is open is not known."""

    privilege = serializers.CharField()
    scope = serializers.CharField()
    database = serializers.CharField()
    schema = serializers.CharField()
    object = serializers.CharField()
    column = serializers.CharField()
    grantable = serializers.BooleanField()
    denied = serializers.BooleanField()
    owner = serializers.BooleanField()
    reachable = serializers.BooleanField(allow_null=True)
    via = serializers.ListField(child=serializers.CharField())
    set_role = serializers.BooleanField(required=False)
    condition = serializers.CharField(required=False, help_text="Of the first way.")
    ways = WaySerializer(many=True, required=False)


class MembershipSerializer(serializers.Serializer[Any]):
    role = serializers.CharField()
    grantor = serializers.CharField(allow_null=True)
    admin_option = serializers.BooleanField()
    inherits = serializers.BooleanField()
    can_set = serializers.BooleanField()
    is_default = serializers.BooleanField()


class PermissionsSerializer(serializers.Serializer[Any]):
    """What an account may do, and what could not be read beside it."""

    at = serializers.DateTimeField(allow_null=True)
    coverage = serializers.FloatField(allow_null=True)
    unknown_sections = SectionSerializer(many=True)
    facts = serializers.JSONField(allow_null=True)
    permissions = PrivilegeSerializer(many=True)
    memberships = MembershipSerializer(many=True)
