"""What a person may enter about a token."""

from django import forms
from django.utils.translation import gettext_lazy as _

from whalefall.users.models import ApiToken

LIVES = [
    (7, _("a week")),
    (30, _("30 days")),
    (90, _("90 days")),
    (366, _("a year")),
]


class NewTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    days = forms.TypedChoiceField(
        label=_("Lives for"), choices=LIVES, coerce=int, initial=90, widget=forms.Select
    )

    class Meta:
        model = ApiToken
        fields = ("name", "scope")
