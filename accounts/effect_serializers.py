"""The effect of a change, as the API tells it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.effect_words import effect_document
from accounts.effects import How, effect_of
from accounts.models import AccountChange
from accounts.serializers import AccountChangeSerializer


class EffectCountSerializer(serializers.Serializer[Any]):
    privilege = serializers.CharField()
    scope = serializers.CharField(help_text="server: everything there, counted as one object.")
    how = serializers.ChoiceField(How.choices)
    accounts = serializers.IntegerField()
    objects = serializers.IntegerField()


class DifferenceSerializer(serializers.Serializer[Any]):
    account = serializers.CharField()
    privilege = serializers.CharField()
    scope = serializers.CharField()
    database = serializers.CharField()
    schema = serializers.CharField()
    object = serializers.CharField()
    column = serializers.CharField()
    how = serializers.ChoiceField(How.choices)


class ExamplesSerializer(serializers.Serializer[Any]):
    gained = DifferenceSerializer(many=True)
    lost = DifferenceSerializer(many=True)


class EffectSerializer(serializers.Serializer[Any]):
    """Who may do what by the change, and could not before; null where nobody can say."""

    gained = EffectCountSerializer(many=True, allow_null=True)
    lost = EffectCountSerializer(many=True, allow_null=True)
    depends = serializers.IntegerField(help_text="What changed for some clients only.")
    examples = ExamplesSerializer()
    is_complete = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())


class AccountChangeDetailSerializer(AccountChangeSerializer):
    effect = serializers.SerializerMethodField()

    class Meta(AccountChangeSerializer.Meta):
        fields = (*AccountChangeSerializer.Meta.fields, "effect")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    @extend_schema_field(EffectSerializer)
    def get_effect(self, change: AccountChange) -> dict[str, Any]:
        return effect_document(effect_of(change))
