from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.validators import UniqueValidator

from accounts.models import Account, Assignment, Classification, ClassificationRule
from accounts.rules import Preview
from accounts.serializers import AccountNameSerializer
from instances.engines import engine_choices
from instances.models import Instance

MOST_SHOWN = 100


class ClassificationSerializer(serializers.ModelSerializer[Classification]):
    """``accounts``: how many have it, by a rule or by hand."""

    accounts = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = Classification
        fields = (
            *("id", "code", "name", "description", "risk_level", "colour", "priority"),
            *("is_system", "accounts"),
        )
        read_only_fields = ("is_system",)

    def validate_code(self, value: str) -> str:
        if self.instance is not None and self.instance.code != value:
            raise ValidationError("Rules may name it by its code, which stays.")
        return value


class ClassificationNameSerializer(serializers.ModelSerializer[Classification]):
    class Meta:
        model = Classification
        fields = ("id", "code", "name", "risk_level", "colour")
        read_only_fields = fields


class RuleSerializer(serializers.ModelSerializer[ClassificationRule]):
    """Another ``expression``, ``engine`` or ``classification`` makes another version."""

    name = serializers.CharField(
        max_length=100,
        validators=[UniqueValidator(queryset=ClassificationRule.objects.current())],
    )
    engine = serializers.ChoiceField(choices=[], allow_blank=True, required=False)
    created_by: Any = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = ClassificationRule
        fields = (
            *("id", "group", "version", "classification", "name", "engine", "expression"),
            *("is_active", "is_policy", "is_system", "created_by", "created_at", "superseded_at"),
        )
        read_only_fields = ("group", "version", "is_system", "created_at", "superseded_at")

    def get_fields(self) -> Any:
        fields = super().get_fields()
        fields["engine"].choices = engine_choices()  # type: ignore[attr-defined]
        return fields


class ExpressionSerializer(serializers.Serializer[Any]):
    """``rule``: the version that the expression would follow."""

    expression = serializers.JSONField()
    classification: Any = serializers.PrimaryKeyRelatedField(
        queryset=Classification.objects.all(), required=False, allow_null=True
    )
    rule: Any = serializers.PrimaryKeyRelatedField(
        queryset=ClassificationRule.objects.current().select_related("classification"),
        required=False,
        allow_null=True,
    )

    def asked(self) -> dict[str, Any]:
        """The arguments of ``check_expression`` and ``preview``."""
        told: dict[str, Any] = self.validated_data
        rule = told.get("rule")
        classification = told.get("classification") or (rule.classification if rule else None)
        return {
            "document": told["expression"],
            "code": classification.code if classification else None,
            "replaces": rule,
        }


class PreviewQuerySerializer(ExpressionSerializer):
    engine = serializers.CharField(required=False, allow_blank=True)

    def asked(self) -> dict[str, Any]:
        told = super().asked()
        rule = told["replaces"]
        return {**told, "engine": self.validated_data.get("engine", rule.engine if rule else "")}


class ComplaintSerializer(serializers.Serializer[Any]):
    """``pointer``: the JSON pointer of what is wrong, in the expression as it was sent."""

    pointer = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class ValidationSerializer(serializers.Serializer[Any]):
    """``expression``: in its present form; null when it is not valid."""

    is_valid = serializers.BooleanField()  # type: ignore[assignment]
    expression = serializers.JSONField(allow_null=True)
    errors = ComplaintSerializer(many=True)  # type: ignore[assignment]


class PreviewSerializer(serializers.Serializer[Preview]):
    """How many accounts each would be, and the first hundred of those that change.

    ``undecided``: what decides is not known. ``unjudged``: their facts are missing or old.
    """

    matched = serializers.IntegerField(source="matched.count")
    gained = serializers.IntegerField(source="gained.count")
    lost = serializers.IntegerField(source="lost.count")
    undecided = serializers.IntegerField(source="undecided.count")
    unjudged = serializers.IntegerField(source="unjudged.count")
    gained_accounts = serializers.SerializerMethodField()
    lost_accounts = serializers.SerializerMethodField()

    def get_gained_accounts(self, preview: Preview) -> list[dict[str, Any]]:
        return shown(preview.gained)

    def get_lost_accounts(self, preview: Preview) -> list[dict[str, Any]]:
        return shown(preview.lost)


def shown(accounts: Any) -> list[dict[str, Any]]:
    rows = accounts.select_related("instance").order_by("instance__name", "name", "pk")
    return list(AccountNameSerializer(rows[:MOST_SHOWN], many=True).data)


class AssignmentSerializer(serializers.ModelSerializer[Assignment]):
    account = AccountNameSerializer(read_only=True)
    classification = ClassificationNameSerializer(read_only=True)
    account_id = serializers.PrimaryKeyRelatedField(
        queryset=Account.objects.present(), source="account", write_only=True
    )
    classification_id = serializers.PrimaryKeyRelatedField(
        queryset=Classification.objects.all(), source="classification", write_only=True
    )
    rule_version = serializers.IntegerField(
        source="rule.version", default=None, read_only=True, allow_null=True
    )
    assigned_by: Any = serializers.SlugRelatedField(
        slug_field="username", read_only=True, allow_null=True
    )

    class Meta:
        model = Assignment
        fields = (
            *("id", "account", "account_id", "classification", "classification_id", "rule"),
            *("rule_version", "is_manual", "assigned_by", "assigned_at", "revoked_at"),
        )
        read_only_fields = ("rule", "is_manual", "assigned_at", "revoked_at")
        validators = ()


class AutoClassifySerializer(serializers.Serializer[Any]):
    """Without an instance: the whole fleet."""

    instance_id: Any = serializers.PrimaryKeyRelatedField(
        queryset=Instance.objects.living(), required=False, allow_null=True
    )
