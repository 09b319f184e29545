"""What the page *How do I take it away?* shows, read for a person."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from accounts.objects import object_text, parse_object
from accounts.take_away import take_away
from accounts.trees import place_of
from whalefall.core.errors import InvalidRequest, WhalefallError

MOST_LISTED = 100
"""Of what else is lost; the others are counted."""


class TakeAwayForm(forms.Form):
    """``object`` becomes the names that ``parse_object`` gives."""

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
    set_role = forms.BooleanField(label=_("also by SET ROLE only"), required=False)

    def clean_object(self) -> tuple[str, ...]:
        try:
            return parse_object(self.cleaned_data["object"])
        except InvalidRequest as error:
            raise ValidationError(str(error)) from error


def take_away_page(request: HttpRequest, account: Account) -> dict[str, Any]:
    """In a constant number of queries."""
    form = TakeAwayForm(request.GET or None)
    context: dict[str, Any] = {"account": account, "form": form}
    if not form.is_valid():
        return context
    asked = form.cleaned_data
    try:
        removal = take_away(
            account, asked["privilege"], asked["object"], set_role=asked["set_role"]
        )
    except WhalefallError as error:
        return {**context, "problem": error}
    effect = removal.effect
    losses = [(one, place_of(one.thing)) for one in effect.lost[:MOST_LISTED]]
    return {
        **context,
        "removal": removal,
        "place": object_text(removal.parts),
        "losses": losses,
        "unlisted": len(effect.lost) - len(losses),
        "gains": [(one, place_of(one.thing)) for one in effect.gained[:MOST_LISTED]],
    }
