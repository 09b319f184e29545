"""How a privilege is taken away, as the API tells it."""

from typing import Any

from rest_framework import serializers

from accounts.effect_serializers import EffectSerializer


class TakeAwayQuerySerializer(serializers.Serializer[Any]):
    privilege = serializers.CharField()
    object = serializers.CharField(help_text='db.schema.table, with "quotes" as in SQL; or *')
    set_role = serializers.BooleanField(default=False, help_text="Also where SET ROLE gives it.")


class StatementSerializer(serializers.Serializer[Any]):
    database = serializers.CharField(help_text="Where to be connected; empty for anywhere.")
    sql = serializers.CharField()


class RemovalSerializer(serializers.Serializer[Any]):
    """What to run, in this order, and what restores it. Whalefall runs nothing."""

    instance = serializers.CharField()
    instance_id = serializers.IntegerField()
    account = serializers.CharField()
    account_id = serializers.IntegerField()
    privilege = serializers.CharField()
    object = serializers.ListField(child=serializers.CharField())
    set_role = serializers.BooleanField()
    held = serializers.BooleanField(allow_null=True, help_text="Null: not known.")
    statements = StatementSerializer(many=True)
    undo = StatementSerializer(many=True)
    is_least = serializers.BooleanField(help_text="False: something cheaper may exist.")
    also = EffectSerializer()
    obstacles = serializers.ListField(child=serializers.CharField())
    unknown = serializers.ListField(child=serializers.CharField())
