"""Import, tags of many and the audit log, in a real browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from instances.models import Instance
from tests.factories import CredentialFactory, InstanceFactory, TagFactory
from whalefall.users.models import User

LIST = "/admin/instances/instance/"
ClientAs = Callable[[str], Client]


@pytest.mark.django_db(transaction=True)
def test_a_file_is_checked_then_imported_without_choosing_it_again(
    page: Page, live_server: LiveServer, person: Callable[[str], User], tmp_path: Path
) -> None:
    person("admin")
    page.goto(f"{live_server.url}{LIST}import/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "let-me-in")
    page.click("[type=submit]")
    CredentialFactory(name="all")
    file = tmp_path / "servers.csv"
    file.write_text("name,engine,host,credential\n<b>shop</b>,toy,a,all\ncrm,none,b,all\n")

    page.set_input_files("#id_file", file)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#result h2")).to_have_text("Checked, nothing was changed")
    expect(page.locator("#result tbody tr").first).to_contain_text("is not a valid choice")
    assert not Instance.objects.exists()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("#result h2")).to_have_text("Imported")

    assert [one.name for one in Instance.objects.all()] == ["<b>shop</b>"]
    page.get_by_role("link", name="<b>shop</b>").click()
    expect(page.locator(".wf-card h2").first).to_contain_text("<b>shop</b>")


def act(client: Client, instances: list[Instance], **fields: Any) -> Any:
    chosen = {"action": "change_tags", "_selected_action": [one.pk for one in instances[:2]]}
    return client.post(LIST, {**chosen, **fields}, follow=True)


def tagged() -> set[tuple[int, int]]:
    return set(Instance.tags.through.objects.values_list("instance_id", "tag_id"))


@pytest.mark.django_db
def test_tags_of_the_chosen_or_of_all_that_the_filter_shows(client_as: ClientAs) -> None:
    client, instances = client_as("operator"), InstanceFactory.create_batch(4)
    a, b = TagFactory.create_batch(2)

    assert "Put these on" in act(client, instances).content.decode()
    assert "Choose at least one tag." in act(client, instances, operation="assign").content.decode()
    assert tagged() == set()
    act(client, instances, operation="assign", tags=[a.pk, b.pk])
    assert tagged() == {(one.pk, tag.pk) for one in instances[:2] for tag in (a, b)}
    act(client, instances, operation="assign", tags=[a.pk], select_across="1")
    act(client, instances, operation="remove", tags=[b.pk])
    assert tagged() == {(one.pk, a.pk) for one in instances}
    response = act(client, instances, operation="remove-all")
    assert tagged() == {(one.pk, a.pk) for one in instances[2:]}
    assert "Tags of 2 instances: 2 changed, 0 were so already." in response.content.decode()


@pytest.mark.django_db
def test_who_may_not_tag_or_import_is_not_offered_it(client_as: ClientAs) -> None:
    instances = InstanceFactory.create_batch(2)
    clients = {role: client_as(role) for role in ("viewer", "operator", "admin")}
    for role, client in clients.items():
        may_import = role == "admin"
        assert ("Import CSV" in client.get(LIST).content.decode()) is may_import
        assert client.get(f"{LIST}import/").status_code == (200 if may_import else 403)
    act(clients["viewer"], instances, operation="assign", tags=[TagFactory().pk])
    assert tagged() == set()


@pytest.mark.django_db
def test_export_has_what_the_list_shows(client_as: ClientAs) -> None:
    for name in ("shop", "shop2", "crm"):
        InstanceFactory(name=name)
    response: Any = client_as("viewer").get(f"{LIST}export/?q=shop&o=-1")
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["name", "shop2", "shop"]


@pytest.mark.django_db
def test_audit_log_is_shown_and_exported_to_admins_only(client_as: ClientAs) -> None:
    path = "/admin/auditlog/logentry/"
    admin, operator = client_as("admin"), client_as("operator")
    TagFactory(name="<i>tag</i>")
    page = admin.get(f"{path}?q=tag")
    assert "&lt;i&gt;tag&lt;/i&gt;" in page.content.decode()
    [entry] = page.context["cl"].result_list
    shown = admin.get(f"{path}{entry.pk}/change/").content.decode()
    assert "&lt;i&gt;tag&lt;/i&gt;" in shown
    response: Any = admin.get(f"{path}export/?q=tag")
    assert len(b"".join(response.streaming_content).splitlines()) == 2
    for one in (path, f"{path}export/", f"{path}{entry.pk}/change/"):
        assert operator.get(one).status_code == 403
