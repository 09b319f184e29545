"""What may be asked of effective privileges in the console."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.objects import parse_object
from instances.models import Instance
from whalefall.core.calendar import check_year
from whalefall.core.errors import InvalidRequest


class MomentForm(forms.Form):
    at = forms.DateTimeField(label=_("At"), required=False, validators=[check_year])

    def clean_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["at"]
        if at is not None and at > timezone.now():
            raise ValidationError(gettext("Nobody knows the future."))
        return at


class EffectiveForm(MomentForm):
    """Filters of what one account may do; each is a part of what is looked for."""

    privilege = forms.CharField(label=_("Privilege"), required=False)
    object = forms.CharField(label=_("Object"), required=False)
    scope = forms.CharField(label=_("Scope"), required=False)


class WhoCanForm(MomentForm):
    """A question to the fleet. ``object`` becomes the names that ``parse_object`` gives."""

    privilege = forms.CharField(
        label=_("Privilege"),
        error_messages={"required": _("Write a privilege, for example SELECT.")},
    )
    object: Any = forms.CharField(
        label=_("Object"),
        error_messages={
            "required": _("Write an object, for example shop.sales.orders; * is the whole server.")
        },
    )
    instance = forms.ModelChoiceField(
        Instance.objects.living().order_by("name", "pk"), label=_("Instance"), required=False
    )
    set_role = forms.BooleanField(label=_("also by SET ROLE only"), required=False)

    def clean_object(self) -> tuple[str, ...]:
        try:
            return parse_object(self.cleaned_data["object"])
        except InvalidRequest as error:
            raise ValidationError(str(error)) from error
