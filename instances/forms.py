"""What a person may enter about a server and its sign-in."""

from copy import copy
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from instances.models import Instance
from instances.moving import SERVER, why_to_ask
from instances.places import ADDRESS
from instances.references import check_reference


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    """The password goes in and never comes out: an empty one keeps what is stored."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        required=False,
        validators=[check_reference],
        widget=forms.PasswordInput,
        help_text=_(
            "Stored encrypted and never shown again. env:NAME or file:/path is a reference: the "
            "password is read from there each time it is needed."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.pop("password", None)
        if "password" in self.fields:
            is_new = self.instance.pk is None
            self.fields["password"].required = is_new
            hint = "" if is_new else gettext("Leave it empty to keep the stored one.")
            self.fields["password"].help_text = f"{self.fields['password'].help_text} {hint}"

    def clean(self) -> dict[str, Any]:
        """Without an entry there is nothing to set: the column is left as it is."""
        data: dict[str, Any] = super().clean() or {}
        if not data.get("password"):
            data.pop("password", None)
        return data


class InstanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """``asked_for``: the place for which the credential was chosen with an empty list before it."""

    asked_for = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """The model's own check skips constraints on ``deleted_at``, which is not in the form."""
        data: dict[str, Any] = super().clean() or {}
        others = Instance.objects.living().exclude(pk=self.instance.pk)
        if "name" in data and others.filter(name=data["name"]).exists():
            self.add_error("name", _("Another instance has this name."))
        if all(part in data for part in ADDRESS) and (
            others.filter(**{part: data[part] for part in ADDRESS}).exists()
        ):
            self.add_error("host", _("Another instance has this address."))
        if self.instance.pk is not None:
            self.ask_for_credential(data)
        return data

    def ask_for_credential(self, data: dict[str, Any]) -> None:
        """A choice that was filled in already is no answer: the list is emptied first."""
        place = " ".join(str(data.get(part)) for part in (*SERVER, "tls_mode"))
        text = why_to_ask(vars(self.instance), data)
        if text and data.get("asked_for") != place:
            self.add_error("credential", text)
            shown: Any = copy(self.data)
            shown["credential"], shown["asked_for"] = "", place
            self.data = shown
