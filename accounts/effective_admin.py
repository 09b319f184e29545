"""*What may this account do?* and *Who can…?* in the console."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.effective_pages import effective_page
from accounts.models import Account
from accounts.take_away_pages import take_away_page
from accounts.who_can_pages import who_can_page
from whalefall.core.admin import console_page, page_of_console

MAY_SEE = "accounts.view_account"


@console_page("accounts/account/<int:pk>/effective/", "accounts_account_effective", MAY_SEE)
def what_it_may_do(request: HttpRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(Account.objects.select_related("instance"), pk=pk)
    context = {"opts": Account._meta, "original": account, **effective_page(request, account)}
    title = gettext("What may %(name)s do?") % {"name": account}
    return page_of_console(request, "admin/accounts/account/effective.html", title, context)


@console_page("accounts/account/<int:pk>/take-away/", "accounts_account_take_away", MAY_SEE)
def how_to_take_it_away(request: HttpRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(Account.objects.select_related("instance"), pk=pk)
    context = {"opts": Account._meta, "original": account, **take_away_page(request, account)}
    title = gettext("How do I take it away from %(name)s?") % {"name": account}
    return page_of_console(request, "admin/accounts/account/take_away.html", title, context)


@console_page(
    *("accounts/who-can/", "accounts_who_can", MAY_SEE),
    title=_("Who can…?"),
    menu_group=_("Accounts"),
    menu_icon="person_search",
    menu_position=21,
)
def who_may(request: HttpRequest) -> HttpResponse:
    template = "admin/accounts/account/who_can.html"
    return page_of_console(request, template, gettext("Who can…?"), who_can_page(request))
