"""How to sign in to servers, in the console."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from instances.forms import CredentialForm
from instances.models import Credential
from whalefall.core.admin import ModelAdmin, PasswordInput


@admin.register(Credential)
class CredentialAdmin(ModelAdmin):
    menu_group = _("Servers")
    menu_icon = "key"
    menu_position = 12
    form = CredentialForm
    fields = ("name", "username", "password", "description", "is_active")
    list_display = ("name", "username", "used_by", "is_active")
    list_filter = ("is_active",)
    search_fields = ("name", "username")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        living = Q(instances__deleted_at=None)
        credentials: QuerySet[Credential] = super().get_queryset(request).defer("password")
        return credentials.annotate(instance_count=Count("instances", filter=living))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = super().get_fields(request, obj)
        may_write = obj is None or self.has_change_permission(request, obj)
        return names if may_write else [name for name in names if name != "password"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        if "password" in form.base_fields:
            form.base_fields["password"].widget = PasswordInput({"autocomplete": "new-password"})
        return form

    @admin.display(description=_("instances"), ordering="instance_count")
    def used_by(self, credential: Any) -> int:
        count: int = credential.instance_count
        return count

    @method_decorator(sensitive_post_parameters("password"))
    def changeform_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().changeform_view(*args, **kwargs)
        return response
