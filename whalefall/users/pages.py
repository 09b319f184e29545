"""The page that signs in, and the one that changes one's own password."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from whalefall.core.addresses import address_of
from whalefall.core.errors import InvalidRequest, WhalefallError
from whalefall.users.signing_in import change_password, check_password, sign_in


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    """Asks what the API asks, and keeps the error for the page's status."""

    problem: WhalefallError | None = None

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        if "username" not in data or "password" not in data:
            return data
        try:
            self.user_cache = check_password(
                data["username"],
                data["password"],
                address=address_of(self.request),
                at=timezone.now(),
            )
        except WhalefallError as error:
            self.problem = error
            raise ValidationError(str(error), code=error.code) from error
        return data


class SignInPage(LoginView):
    """Leads to ``next``, if that is an address of ours, and else to the console."""

    form_class = SignInForm
    template_name = "users/sign_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "GET" and admin.site.has_permission(request):
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]

    def form_valid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        sign_in(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        response = super().form_invalid(form)
        if form.problem is not None:
            response.status_code = form.problem.http_status
        if wait := getattr(form.problem, "wait", None):
            response["Retry-After"] = str(wait)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        base = admin.site.each_context(self.request)
        return super().get_context_data(**{**base, "title": _("Sign in"), **kwargs})


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """The same limit and the same end of other sessions as in the API."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        """It is checked with the new one, as one attempt."""
        old: str = self.cleaned_data["old_password"]
        return old

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean()
        if self.errors:
            return data
        try:
            change_password(
                self.request,
                self.user,
                old=data["old_password"],
                new=data["new_password1"],
                at=timezone.now(),
            )
        except InvalidRequest as error:
            names = {"new_password": "new_password2"}
            for name, texts in error.extra["fields"].items():
                self.add_error(names.get(name, name), texts)
        except WhalefallError as error:
            self.add_error("old_password", str(error))
        return data


class OwnPasswordPage(PasswordChangeView):
    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")
    template_name = "registration/password_change_form.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        return HttpResponseRedirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        base = admin.site.each_context(self.request)
        return super().get_context_data(**{**base, **kwargs})
