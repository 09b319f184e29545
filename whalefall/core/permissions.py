"""Who may do what: the model permissions that ``users.roles`` gives to the groups."""

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import SAFE_METHODS, DjangoModelPermissions, IsAuthenticated
from rest_framework.request import Request

if TYPE_CHECKING:  # DRF's views import the settings, and these import us
    from rest_framework.views import APIView

VIEW = ["%(app_label)s.view_%(model_name)s"]


class ModelPermissions(DjangoModelPermissions):
    """The model's permission for the method, or what the view's ``required_permissions`` say.

    Reading needs the view permission too.
    """

    perms_map = {**DjangoModelPermissions.perms_map, "GET": VIEW, "HEAD": VIEW, "OPTIONS": VIEW}

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not request.user.is_authenticated:
            return False
        action = getattr(view, "action", None)
        if action is None and hasattr(view, "action_map"):
            return True  # no such method here: 405 says more than 403
        required = getattr(view, "required_permissions", {}).get(action)
        if required is not None:
            return request.user.has_perm(required)
        return super().has_permission(request, view)

    def _queryset(self, view: "APIView") -> Any:
        # Its model is all that counts here; get_queryset may ask the database.
        return getattr(view, "queryset", None)


class SignedInByPassword(IsAuthenticated):
    """No API token gets to what would outlive its revocation: other tokens, passwords, users."""

    message = "An API token may not do this. Sign in with the password."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        may = super().has_permission(request, view)
        return may and getattr(request.user, "scope", None) is None


class WritesByPassword(SignedInByPassword):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        return request.method in SAFE_METHODS or super().has_permission(request, view)
