"""The forms of the rule editor. What an expression may be is for ``accounts.rules`` to say."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Classification, ClassificationRule
from accounts.predicates.validation import InvalidExpression
from instances.engines import engine_choices


def engines() -> list[tuple[str, Any]]:
    return [("", _("every engine")), *engine_choices()]


class RuleForm(forms.Form):
    """``rule`` is the version that is edited; None for a new rule.

    ``complaints`` are ``[{"pointer", "message"}]`` about the expression, which is ``document``
    as it was sent, once the form was validated.
    """

    name = forms.CharField(label=_("Name"), max_length=100)
    classification = forms.ModelChoiceField(
        label=_("Classification"), queryset=Classification.objects.all()
    )
    engine = forms.ChoiceField(label=_("Engine"), choices=engines, required=False)
    is_active = forms.BooleanField(label=_("Active"), required=False, initial=True)
    is_policy = forms.BooleanField(
        label=_("Policy"),
        required=False,
        help_text=_("An account that it matches violates the policy."),
    )
    expression = forms.JSONField(label=_("Rule as JSON"), widget=forms.Textarea({"rows": 12}))

    def __init__(self, *args: Any, rule: ClassificationRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rule = rule
        self.complaints: list[dict[str, str]] = []
        self.document: Any = None

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = ClassificationRule.objects.current().filter(name=name)
        if self.rule is not None:
            others = others.exclude(group=self.rule.group)
        if others.exists():
            raise forms.ValidationError(gettext("There is a rule of this name."))
        return name

    def clean_expression(self) -> Any:
        self.document = self.cleaned_data["expression"]
        return self.document

    def complain(self, error: InvalidExpression) -> None:
        self.complaints = error.extra["errors"]
        self.add_error("expression", str(error))


class PreviewForm(forms.Form):
    """What the editor asks about: an expression, and what it would be a rule of, or follow."""

    expression = forms.JSONField()
    engine = forms.ChoiceField(choices=engines, required=False)
    classification = forms.ModelChoiceField(Classification.objects.all(), required=False)
    rule = forms.ModelChoiceField(ClassificationRule.objects.current(), required=False)
