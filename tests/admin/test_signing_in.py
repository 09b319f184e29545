"""The page that signs in, and the pages of one's own password and tokens."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.api.signing import NEW, api_token, status
from tests.factories import UserFactory
from whalefall.users.models import ApiToken, User
from whalefall.users.tokens import RefreshToken

PAGE = "/auth/login"
TOKENS = "/admin/users/apitoken/"
OTHER = {"new_password1": NEW, "new_password2": NEW}


def sign_in(client: Client, name: str, password: str = "let-me-in", query: str = "") -> Any:
    return client.post(f"{PAGE}{query}", {"username": name, "password": password})


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_sign_in_leads_to_where_one_wanted_to_go(
    client: Client, person: Callable[[str], User], role: str
) -> None:
    person(role)
    there = "/admin/accounts/account/?kind=user"

    asked = client.get(there, follow=True)
    response = client.post(
        asked.request["PATH_INFO"] + f"?{asked.request['QUERY_STRING']}",
        {
            "username": role,
            "password": "let-me-in",
            "next": asked.context["next"],
        },
    )

    assert (response.status_code, response["Location"]) == (302, there)
    assert client.get(there).status_code == 200
    assert client.get(f"{PAGE}?next={TOKENS}")["Location"] == TOKENS
    assert User.objects.get().last_login is not None


@pytest.mark.parametrize(
    "there", ["https://evil.example.org/", "//evil.example.org", "javascript:1"]
)
def test_nobody_is_led_out_of_the_house(
    client: Client, person: Callable[[str], User], there: str
) -> None:
    person("viewer")

    assert sign_in(client, "viewer", query=f"?next={there}")["Location"] == "/admin/"


def test_page_gives_the_codes_of_the_api(client: Client, person: Callable[[str], User]) -> None:
    person("viewer")
    UserFactory(username="off", is_active=False)

    wrong, unknown = sign_in(client, "viewer", "wrong"), sign_in(client, "nobody", "wrong")
    off = sign_in(client, "off")
    for _ in range(9):
        sign_in(client, "viewer", "wrong")
    limited = sign_in(client, "viewer")
    # The console's own page counts nothing, so it does not sign in.
    around = client.post("/admin/login/", {"username": "viewer", "password": "let-me-in"})

    answers = (wrong, unknown, off, limited, around)
    assert [one.status_code for one in answers] == [401, 401, 403, 429, 302]
    assert "The name or the password is wrong." in wrong.content.decode()
    assert wrong.content.decode().count("wrong") == unknown.content.decode().count("wrong")
    assert 55 <= int(limited["Retry-After"]) <= 60
    assert "sessionid" not in client.cookies


def test_who_may_not_use_the_console_is_told(client: Client, db: None) -> None:
    UserFactory(username="script", is_staff=False)

    shown = client.get(sign_in(client, "script")["Location"], follow=True)

    assert shown.request["PATH_INFO"] == PAGE
    assert "You are signed in as script, who may use the API but not" in shown.content.decode()


def change_password(client: Client, old: str) -> Any:
    return client.post("/admin/password_change/", {"old_password": old, **OTHER})


def test_own_password_has_the_limit_of_the_api_and_ends_the_same(
    client: Client, person: Callable[[str], User]
) -> None:
    user = person("viewer")
    client.force_login(user)
    other = Client()
    other.force_login(user)
    token = str(RefreshToken.for_user(user).access_token)

    wrong = change_password(client, "wrong").context["form"].errors
    right = change_password(client, "let-me-in")

    assert wrong == {"old_password": ["This is not your password."]}
    assert right.status_code == 302
    assert (client.get("/admin/").status_code, other.get("/admin/").status_code) == (200, 302)
    assert status(token) == 401
    change_password(client, "wrong")
    (limited,) = change_password(client, NEW).context["form"].errors["old_password"]
    assert limited.startswith("Too many attempts. Wait 3")


def test_ones_own_password_is_not_set_like_another_s(client: Client, db: None) -> None:
    root: User = UserFactory(is_superuser=True)
    client.force_login(root)
    page = f"/admin/users/user/{root.pk}/password/"

    response = client.post(page, {"password1": NEW, "password2": NEW})

    assert response["Location"] == "/admin/password_change/"
    assert User.objects.get().check_password("let-me-in")


def test_tokens_of_others_are_not_shown_and_not_revoked(
    client_as: Callable[[str], Client], person: Callable[..., User]
) -> None:
    bob = person("operator", username="bob")
    value = api_token(bob, name="the token of bob")
    token, client = ApiToken.objects.get(), client_as("admin")

    shown = client.get(TOKENS).content.decode()
    client.post(TOKENS, {"action": "revoke", "_selected_action": [token.pk]})

    assert "the token of bob" not in shown
    assert client.get(f"{TOKENS}{token.pk}/change/").status_code == 302
    assert status(value) == 200


def test_no_scope_above_the_role_is_offered_or_taken(client_as: Callable[[str], Client]) -> None:
    client = client_as("operator")

    offered = client.get(f"{TOKENS}add/").context["adminform"].form.fields["scope"].choices
    refused = client.post(f"{TOKENS}add/", {"name": "x", "scope": "admin", "days": "30"})

    assert [value for value, _ in offered] == ["read", "operate"]
    assert list(refused.context["adminform"].form.errors) == ["scope"]
    assert not ApiToken.objects.exists()


def test_pages_of_the_token_tables_are_not_there(client: Client, db: None) -> None:
    client.force_login(UserFactory(is_superuser=True))

    for name in ("outstandingtoken", "blacklistedtoken"):
        assert client.get(f"/admin/token_blacklist/{name}/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_person_signs_in_makes_a_token_and_revokes_it(
    page: Page, live_server: LiveServer, person: Callable[[str], User]
) -> None:
    person("operator")
    page.goto(f"{live_server.url}{TOKENS}add/")
    page.fill("#id_username", "operator")
    page.fill("#id_password", "wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    page.fill("#id_password", "let-me-in")
    page.keyboard.press("Enter")
    page.fill("#id_name", "nightly")
    page.select_option("#id_scope", "operate")
    page.click("[name=_save]")
    value = page.inner_text("#token-value").strip()
    assert status(value) == 200
    page.click("text=back to my tokens")
    expect(page.locator("#result_list")).to_contain_text("active")
    expect(page.locator("body")).not_to_contain_text(value)
    page.check("[name=_selected_action]")
    page.select_option("select[name=action]", "revoke")
    page.click("button[name=index], button:has-text('Run')")
    expect(page.locator("body")).to_contain_text("One token is revoked.")
    expect(page.locator("#result_list")).to_contain_text("revoked")
    assert status(value) == 401


def test_pages_that_say_what_is_wrong(person: Callable[[str], User]) -> None:
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    person("viewer")
    expired = sign_in(strict, "viewer")
    strict.force_login(User.objects.get())
    missing = strict.get("/nothing")
    forbidden = strict.get("/admin/instances/instance/add/")

    found = [(one.status_code, one.context["title"]) for one in (expired, missing, forbidden)]
    assert found == [(403, "The form has expired"), (404, "Not found"), (403, "Not allowed")]
    for one in (expired, missing, forbidden):
        assert 'href="/admin/"' in one.content.decode()
