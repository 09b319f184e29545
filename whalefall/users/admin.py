"""People who sign in. Nobody hands out rights that he does not have."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from whalefall.core.admin import (
    AdminPasswordChangeForm,
    ModelAdmin,
    Select,
    UserChangeForm,
    UserCreationForm,
    signed_in,
)
from whalefall.core.display import badge, moment
from whalefall.users.forms import NewTokenForm
from whalefall.users.models import ApiToken, User
from whalefall.users.querysets import LastAdmin
from whalefall.users.tokens import grantable_scopes, issue_api_token

# The groups are what roles.py says; changing one by hand would last until the next release.
admin.site.unregister(Group)
# The ids of tokens that nobody edits: signing out and changing a password end them.
admin.site.unregister([OutstandingToken, BlacklistedToken])

STATES = {
    "active": (_("active"), "good"),
    "expired": (_("expired"), ""),
    "revoked": (_("revoked"), ""),
}

if TYPE_CHECKING:
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    BaseUserAdmin = DjangoUserAdmin


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):
    """Only a superuser sees superusers' switches; groups above one's own can't be given."""

    menu_group = _("People")
    menu_icon = "person"
    menu_position = 50
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "roles", "is_active", "last_login")
    list_filter = ("groups", "is_active")
    list_filter_submit = False
    add_fieldsets = (
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "password1", "password2", "is_staff", "groups"],
            },
        ),
    )
    fieldsets = (
        (None, {"fields": ["username", "new_password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Rights"), {"fields": ["is_active", "is_staff", "groups"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    )
    superuser_fieldset = (_("Beyond the roles"), {"fields": ["is_superuser", "user_permissions"]})
    readonly_fields = ("new_password", "last_login", "date_joined")
    filter_horizontal = ()

    @admin.display(description=_("password"))
    def new_password(self, user: User) -> SafeString:
        """A way to set one; not even the hash is shown."""
        text = gettext("Set a new password")
        return format_html('<a class="wf-link" href="../password/">{}</a>', text)

    @admin.display(description=_("name"), ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        names = [group.name for group in user.groups.all()]
        return ", ".join([*names, *([str(_("superuser"))] if user.is_superuser else [])]) or "–"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        users: QuerySet[User] = super().get_queryset(request)
        return users.prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and request.user.is_superuser:
            return [*fieldsets, self.superuser_fieldset]
        return fieldsets

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = signed_in(request).grantable_groups()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and in_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj) and in_reach(request, obj)
        return may and obj != request.user

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            obj.shut_out(at=timezone.now())

    # --- the last administrator stays ---------------------------------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return guarded(request, partial(super().changeform_view, request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return guarded(request, partial(super().delete_view, request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return guarded(request, partial(super().changelist_view, request, *args, **kwargs))

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """One's own is changed where the old one is asked for."""
        if id == str(request.user.pk):
            return HttpResponseRedirect(reverse("admin:password_change"))
        return super().user_change_password(request, id, form_url)


def in_reach(request: HttpRequest, user: Any) -> bool:
    return not isinstance(user, User) or signed_in(request).may_touch(user)


def guarded(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    """What ``view`` writes, unless it would leave nobody to manage users."""
    if request.method != "POST":
        return view()
    try:
        with transaction.atomic(), User.people.keep_an_administrator():
            return view()
    except LastAdmin as error:
        list(messages.get_messages(request))  # they praise what has just been undone
        messages.error(request, str(error))
        return HttpResponseRedirect(request.get_full_path())


@admin.register(ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """One's own tokens: made here, shown once, revoked."""

    menu_group = _("People")
    menu_icon = "vpn_key"
    menu_position = 51
    form = NewTokenForm
    actions = ("revoke",)
    list_display = ("name", "scope", "state", "created", "expires", "last_used")
    list_filter = ("scope",)
    list_filter_submit = False
    search_fields = ("name",)
    fields = ("name", "scope", "state", "created", "expires", "last_used")
    add_fields = ("name", "scope", "days")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ApiToken]":
        tokens: QuerySet[ApiToken] = super().get_queryset(request)
        return tokens.filter(user=request.user.pk)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.fields if obj else self.add_fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.fields if obj else ()

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One button: what follows shows the value, and nothing else can."""
        buttons = ("show_save_and_add_another", "show_save_and_continue")
        hidden = dict.fromkeys(buttons, False)
        response: HttpResponse = super().add_view(request, form_url, hidden)
        return response

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        if obj is None:
            form.base_fields["days"].widget = Select(choices=form.base_fields["days"].choices)
            own = grantable_scopes(signed_in(request))
            form.base_fields["scope"].choices = [
                choice for choice in ApiToken.Scope.choices if choice[0] in own
            ]
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("users.delete_apitoken")

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        now = timezone.now()
        token, obj.value = issue_api_token(  # type: ignore[attr-defined]
            signed_in(request),
            name=obj.name,
            scope=obj.scope,
            expires_at=now + timedelta(days=form.cleaned_data["days"]),
            at=now,
        )
        obj.pk, obj.expires_at = token.pk, token.expires_at

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page that shows the value: by the answer itself, since it is stored nowhere."""
        template = "admin/users/apitoken/made.html"
        return self.page_response(request, template, gettext("New token"), {"token": obj})

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: "QuerySet[ApiToken]") -> None:
        number = ApiToken.objects.filter(pk__in=queryset).revoke(at=timezone.now())
        text = ngettext("One token is revoked.", "%(number)s tokens are revoked.", number)
        messages.success(request, text % {"number": number})

    @admin.display(description=_("state"))
    def state(self, token: ApiToken) -> SafeString:
        text, tone = STATES[token.state_at(timezone.now())]
        return badge(text, tone)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, token: ApiToken) -> SafeString:
        return moment(token.created_at)

    @admin.display(description=_("expires"), ordering="expires_at")
    def expires(self, token: ApiToken) -> SafeString:
        return moment(token.expires_at)

    @admin.display(description=_("last used"), ordering="last_used_at")
    def last_used(self, token: ApiToken) -> SafeString:
        return moment(token.last_used_at, never=gettext("never"))
