from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as Invalid
from django.utils.translation import gettext
from rest_framework import serializers

from whalefall.users.models import ApiToken, User
from whalefall.users.roles import NAMES

ROLE_CHOICES = [(name, name) for name in NAMES]
METHODS = [(name, name) for name in ("session", "jwt", "api_token")]


class PasswordField(serializers.CharField):
    """A person's password, or anybody's guess at one. It is never logged.

    The scrubber is not told: whoever tries common words would have them scrubbed everywhere.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, trim_whitespace=False, max_length=1000, **kwargs)


class UserSerializer(serializers.ModelSerializer[User]):
    """``role`` is the highest that the user has; null is none."""

    role = serializers.ChoiceField(choices=ROLE_CHOICES, allow_null=True)
    password = PasswordField(required=False)
    is_staff = serializers.BooleanField(default=True, help_text="May use the console.")

    class Meta:
        model = User
        fields = (
            *("id", "username", "first_name", "last_name", "email", "role", "password"),
            *("is_active", "is_staff", "is_superuser", "last_login", "date_joined"),
        )
        read_only_fields = ("is_superuser", "last_login", "date_joined")

    def validate_role(self, role: str | None) -> str | None:
        grantable = self.context["request"].user.grantable_groups()
        if role is not None and not grantable.filter(name=role).exists():
            raise serializers.ValidationError(gettext("You can't give a role above your own."))
        if self.instance is not None and self.instance.is_superuser and role != NAMES[-1]:
            raise serializers.ValidationError(gettext("A superuser has every right anyway."))
        return role

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = ("username", "first_name", "last_name", "email")
        if "password" in attrs:
            person = User(
                **{name: attrs.get(name, getattr(self.instance, name, "")) for name in names}
            )
            self.check_password(attrs["password"], person)
        return attrs

    def check_password(self, password: str, person: User) -> None:
        if self.instance == self.context["request"].user:
            text = gettext("Change your own password with auth/change-password.")
            raise serializers.ValidationError({"password": [text]})
        try:
            validate_password(password, person)
        except Invalid as error:
            raise serializers.ValidationError({"password": error.messages}) from None

    def create(self, validated_data: dict[str, Any]) -> User:
        """Without a password nobody signs in with one: a script's user has API tokens alone."""
        role, password = validated_data.pop("role"), validated_data.pop("password", None)
        user = User(**validated_data)
        user.set_password(password)
        user.save()
        give_role(user, role)
        return user

    def update(self, user: User, validated_data: dict[str, Any]) -> User:
        has_role = "role" in validated_data
        role, password = validated_data.pop("role", None), validated_data.pop("password", None)
        if password is not None:
            user.set_password(password)
        user = super().update(user, validated_data)
        if has_role and role != user.role:
            give_role(user, role)
        return user


def give_role(user: User, role: str | None) -> None:
    """The one group of ``role``, and no other of the three."""
    others = Group.objects.filter(name__in=NAMES).exclude(name=role)
    user.groups.remove(*others)
    user.groups.add(*Group.objects.filter(name=role))
    user._prefetched_objects_cache = {}  # type: ignore[attr-defined]


# --- auth ---------------------------------------------------------------------------------


class CsrfTokenSerializer(serializers.Serializer[Any]):
    csrf_token = serializers.CharField(help_text="To be sent as X-CSRFToken.")


class SignInSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150, write_only=True)
    password = PasswordField()


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(write_only=True, max_length=4000)


class SignOutSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(write_only=True, max_length=4000, required=False)


class ChangePasswordSerializer(serializers.Serializer[Any]):
    old_password = PasswordField()
    new_password = PasswordField()


class PairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SignedInSerializer(PairSerializer):
    user = UserSerializer()


class SessionSerializer(serializers.Serializer[Any]):
    """Who asks, how, and what the table of roles lets this request do."""

    user = UserSerializer()
    signed_in_by = serializers.ChoiceField(choices=METHODS)
    scope = serializers.ChoiceField(choices=ApiToken.Scope.choices, allow_null=True)
    expires_at = serializers.DateTimeField()
    permissions = serializers.DictField(  # model → verbs
        child=serializers.ListField(child=serializers.CharField())
    )
    actions = serializers.DictField(child=serializers.BooleanField())


# --- API tokens -----------------------------------------------------------------------------


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "scope",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )
        read_only_fields = ("created_at", "last_used_at", "revoked_at")


class NewApiTokenSerializer(ApiTokenSerializer):
    """With the value, which is told this once."""

    value = serializers.CharField(read_only=True)

    class Meta(ApiTokenSerializer.Meta):
        fields = (*ApiTokenSerializer.Meta.fields, "value")
