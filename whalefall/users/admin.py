"""People who sign in. Nobody hands out rights that he does not have."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from whalefall.core.admin import (
    AdminPasswordChangeForm,
    ModelAdmin,
    UserChangeForm,
    UserCreationForm,
)
from whalefall.users.models import User

# The groups are what roles.py says; changing one by hand would last until the next release.
admin.site.unregister(Group)


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
            kwargs["queryset"] = grantable_groups(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj) and may_touch(request.user, obj)
        return may and obj != request.user


def may_touch(editor: Any, user: Model | None) -> bool:
    """Whether ``editor`` may change ``user``: whoever sets a password has that user's rights."""
    if editor.is_superuser or not isinstance(user, User):
        return True
    return not user.is_superuser and user.get_all_permissions() <= editor.get_all_permissions()


def grantable_groups(editor: Any) -> "QuerySet[Group]":
    """The groups that allow nothing that ``editor`` may not do himself."""
    if editor.is_superuser:
        return Group.objects.all()
    own = editor.get_all_permissions()
    groups = Group.objects.prefetch_related("permissions__content_type")
    allowed = [
        group.pk
        for group in groups
        if own
        >= {f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.all()}
    ]
    return Group.objects.filter(pk__in=allowed)
