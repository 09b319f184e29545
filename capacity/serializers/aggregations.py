from typing import Any

from rest_framework import serializers

from capacity.aggregate import Scope


class ScopeSerializer(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(choices=Scope.choices)
