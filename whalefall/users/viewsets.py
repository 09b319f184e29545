from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.middleware.csrf import get_token
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from whalefall.core.addresses import address_of
from whalefall.core.api import AtomicModelViewSet, NoBody, ReadOnlyViewSet, SignedInRequest, ViewSet
from whalefall.core.authentication import SessionSignIn
from whalefall.core.permissions import ModelPermissions, SignedInByPassword, WritesByPassword
from whalefall.users.models import ApiToken, User
from whalefall.users.serializers import (
    ApiTokenSerializer,
    ChangePasswordSerializer,
    CsrfTokenSerializer,
    NewApiTokenSerializer,
    PairSerializer,
    RefreshSerializer,
    SessionSerializer,
    SignedInSerializer,
    SignInSerializer,
    SignOutSerializer,
    UserSerializer,
)
from whalefall.users.signing_in import (
    change_password,
    check_password,
    sign_in,
    sign_out,
)
from whalefall.users.tokens import SIGN_IN_CLAIM, TokenRefused, issue_api_token, rotate, sign_in_of
from whalefall.users.whoami import session_of

PUBLIC: dict[str, Any] = {"authentication_classes": (), "permission_classes": ()}
SIGNED_IN: dict[str, Any] = {"permission_classes": (IsAuthenticated,)}
BY_PASSWORD: dict[str, Any] = {"permission_classes": (SignedInByPassword,)}


class AuthViewSet(ViewSet[User]):
    """Signing in and out. Attempts are counted, and so outside any transaction."""

    queryset = User.objects.none()
    messages = {
        "log_in": "Signed in.",
        "log_out": "Signed out.",
        "change_password": "The password is changed.",
    }
    failures = {
        "log_in": (
            *("INVALID_CREDENTIALS", "ACCOUNT_DISABLED", "RATE_LIMIT_EXCEEDED"),
            *("CSRF_MISSING", "CSRF_INVALID"),
        ),
        "refresh": ("AUTHENTICATION_REQUIRED",),
        "change_password": ("RATE_LIMIT_EXCEEDED",),
    }
    serializers: ClassVar[dict[str, type[BaseSerializer[Any]]]] = {
        "log_in": SignInSerializer,
        "log_out": SignOutSerializer,
        "refresh": RefreshSerializer,
        "change_password": ChangePasswordSerializer,
    }

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return self.serializers.get(self.action, NoBody)

    @extend_schema(responses=CsrfTokenSerializer)
    @action(detail=False, url_path="csrf-token", **PUBLIC)
    def csrf_token(self, request: Request) -> Response:
        return Response({"csrf_token": get_token(request)})

    @extend_schema(responses=SignedInSerializer)
    @action(detail=False, methods=["post"], url_path="login", **PUBLIC)
    def log_in(self, request: Request) -> Response:
        SessionSignIn().enforce_csrf(request)
        given = self.valid(request)
        user = check_password(
            given["username"],
            given["password"],
            address=address_of(request),
            at=timezone.now(),
        )
        pair = sign_in(request._request, user)
        return Response({**pair, "user": UserSerializer(user).data})

    @extend_schema(responses=PairSerializer)
    @action(detail=False, methods=["post"], **PUBLIC)
    def refresh(self, request: Request) -> Response:
        given = self.valid(request)
        with transaction.atomic():  # what a second use ends stays ended
            pair = rotate(given["refresh"])
        if pair is None:
            raise TokenRefused
        return Response(pair)

    @extend_schema(responses=None)
    @action(detail=False, methods=["post"], url_path="logout", **BY_PASSWORD)
    @transaction.atomic
    def log_out(self, request: SignedInRequest) -> Response:
        given = self.valid(request) if request.data else {}
        access: Any = request.auth or {}
        of_refresh = sign_in_of(given.get("refresh", ""), user=request.user)
        sign_out(request._request, access.get(SIGN_IN_CLAIM), of_refresh)
        return Response(None)

    @extend_schema(responses=SessionSerializer)
    @action(detail=False, **SIGNED_IN)
    def session(self, request: SignedInRequest) -> Response:
        return Response(SessionSerializer(session_of(request)).data)

    @extend_schema(responses=UserSerializer)
    @action(detail=False, **SIGNED_IN)
    def me(self, request: SignedInRequest) -> Response:
        return Response(UserSerializer(request.user).data)

    @extend_schema(responses=PairSerializer)
    @action(detail=False, methods=["post"], url_path="change-password", **BY_PASSWORD)
    def change_password(self, request: SignedInRequest) -> Response:
        given = self.valid(request)
        pair = change_password(
            request._request,
            request.user,
            old=given["old_password"],
            new=given["new_password"],
            at=timezone.now(),
        )
        return Response(pair)


class ApiTokenViewSet(mixins.DestroyModelMixin, ReadOnlyViewSet[ApiToken]):
    """The caller's own; deleting revokes, and the row stays."""

    queryset = ApiToken.objects.all()
    permission_classes = (SignedInByPassword, ModelPermissions)
    serializer_class = ApiTokenSerializer
    filterset_fields = ("scope",)
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "expires_at", "last_used_at")
    ordering = ("-created_at",)
    messages = {
        "create": "Created. The value is shown this once: put it where the script finds it.",
        "destroy": "Revoked.",
    }

    def get_queryset(self) -> QuerySet[ApiToken]:
        return super().get_queryset().filter(user=self.request.user.pk)

    @extend_schema(responses={201: NewApiTokenSerializer})
    def create(self, request: SignedInRequest) -> Response:
        given = self.valid(request)
        token, value = issue_api_token(request.user, **given, at=timezone.now())
        return Response({**ApiTokenSerializer(token).data, "value": value}, status=201)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """200, since 204 has no room for the envelope."""
        ApiToken.objects.filter(pk=self.get_object().pk).revoke(at=timezone.now())
        return Response(None)


class UserViewSet(AtomicModelViewSet[User]):
    queryset = User.objects.prefetch_related("groups")
    permission_classes = (WritesByPassword, ModelPermissions)
    serializer_class = UserSerializer
    filterset_fields = ("is_active", "is_staff")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering_fields = ("username", "email", "last_login", "date_joined")
    ordering = ("username",)

    def get_object(self) -> User:
        user = super().get_object()
        if self.request.method not in ("GET", "HEAD", "OPTIONS"):
            self.refuse_to_touch(user)
        return user

    def refuse_to_touch(self, user: User) -> None:
        editor = self.request.user
        if self.action == "destroy" and user == editor:
            raise PermissionDenied("Nobody deletes himself.")
        if not editor.may_touch(user):  # type: ignore[union-attr]
            raise PermissionDenied("This user may do more than you.")

    def perform_update(self, serializer: BaseSerializer[User]) -> None:
        user = serializer.save()
        if not user.is_active:
            user.shut_out(at=timezone.now())

    @transaction.atomic
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with User.people.keep_an_administrator():
            return super().update(request, *args, **kwargs)

    @transaction.atomic
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with User.people.keep_an_administrator():
            return super().destroy(request, *args, **kwargs)
