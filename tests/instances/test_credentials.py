"""Passwords: encrypted under a ring of keys or referred to, and shown to nobody."""

import json
import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.db import connection, transaction
from django.forms import modelform_factory

from instances.adding import Address, add_instance
from instances.forms import CredentialForm
from instances.models import Credential, UnreadableCredential
from instances.serializers import CredentialSerializer
from tests.factories import CredentialFactory, InstanceFactory
from tests.sync_sessions.scripts import ends, run
from tests.toy_engine import reading
from whalefall.core.encrypted import Ciphertext, encrypt
from whalefall.core.errors import InvalidRequest

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

PASSWORDS = ["hush-hush", "it's \"\\ two\nlines", "пароль", "x" * 5000, " "]


@pytest.fixture
def keys(settings):
    """Two keys; the first of the ring is the one in use."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.WHALEFALL_ENCRYPTION_KEYS = [old]
    return old, new


def stored_text(credential):
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM instances_credential WHERE id = %s", [credential.pk])
        return cursor.fetchone()[0]


def again(credential):
    return Credential.objects.get(pk=credential.pk)


@pytest.mark.parametrize("password", PASSWORDS)
def test_password_is_stored_encrypted_and_comes_back_as_it_was(password):
    credential = CredentialFactory(password=password)

    assert password not in stored_text(credential)
    assert again(credential).reveal() == password == credential.reveal()


def test_same_password_is_another_text_each_time():
    one, two = CredentialFactory(), CredentialFactory()

    assert stored_text(one) != stored_text(two)


def test_saving_again_does_not_encrypt_what_is_encrypted():
    credential = again(CredentialFactory(password="hush-hush"))
    before = stored_text(credential)

    credential.description = "changed"
    credential.save()

    assert stored_text(credential) == before
    assert again(credential).reveal() == "hush-hush"


def test_rotation_brings_every_password_to_the_newest_key(keys, settings):
    old, new = keys
    one, two = CredentialFactory(password="one-one"), CredentialFactory(password="env:HUSH")
    settings.WHALEFALL_ENCRYPTION_KEYS = [new, old]
    readable_meanwhile = again(one).reveal()

    with transaction.atomic():
        number = Credential.objects.rotate()

    settings.WHALEFALL_ENCRYPTION_KEYS = [new]
    assert (readable_meanwhile, number) == ("one-one", 2)
    assert again(one).reveal() == "one-one"
    assert again(two).password.decrypt() == "env:HUSH"


def test_rotation_that_meets_an_unreadable_password_changes_none(keys, settings):
    old, new = keys
    good = CredentialFactory()
    settings.WHALEFALL_ENCRYPTION_KEYS = [new]
    lost = CredentialFactory(name="lost")
    settings.WHALEFALL_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), old]
    before = stored_text(good)

    with pytest.raises(UnreadableCredential, match="'lost'"), transaction.atomic():
        Credential.objects.rotate()

    assert stored_text(good) == before
    assert lost.pk


@pytest.mark.parametrize("text", ["", "not a token", "gAAAAAB" * 10])
def test_what_no_key_opens_is_an_error_with_a_name_never_an_empty_password(text):
    credential = CredentialFactory(name="vault")
    Credential.objects.filter(pk=credential.pk).update(password=Ciphertext(text))

    with pytest.raises(UnreadableCredential, match="credential 'vault' can't be decrypted"):
        again(credential).reveal()


def test_lost_key_fails_its_record_and_names_the_credential(keys, settings, server_has):
    lost = InstanceFactory(credential=CredentialFactory(name="vault"))
    settings.WHALEFALL_ENCRYPTION_KEYS = [keys[1]]
    other = InstanceFactory()
    for instance in (lost, other):
        server_has(instance, reading())

    session = run([lost, other])

    record = session.records.order_by("pk")[0]
    assert ends(session) == [("failed", "DATABASE_CONNECTION_ERROR"), ("completed", "")]
    assert record.error_message.startswith("The password of credential 'vault' can't be decrypted")


def test_switched_off_credential_reveals_nothing():
    with pytest.raises(UnreadableCredential, match="switched off"):
        CredentialFactory(is_active=False).reveal()


# --- references -------------------------------------------------------------------------------


def test_variable_is_read_each_time(monkeypatch):
    credential = CredentialFactory(password="env:SHOP_PASSWORD")

    monkeypatch.setenv("SHOP_PASSWORD", "first")
    first = credential.reveal()
    monkeypatch.setenv("SHOP_PASSWORD", "second")

    assert (first, credential.reveal()) == ("first", "second")


@pytest.mark.parametrize("value", [None, ""])
def test_variable_that_is_missing_or_empty_is_an_error(monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("SHOP_PASSWORD", value)

    with pytest.raises(UnreadableCredential, match="variable SHOP_PASSWORD"):
        CredentialFactory(password="env:SHOP_PASSWORD").reveal()


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "WHALEFALL_ENCRYPTION_KEYS"])
def test_our_own_secrets_are_sent_to_no_server(name):
    with pytest.raises(UnreadableCredential, match=f"variable {name}, which may not be named"):
        CredentialFactory(password=f"env:{name}").reveal()


@pytest.fixture
def _secrets_here(settings, tmp_path):
    settings.SECRET_FILES_DIRS = [str(tmp_path)]


@pytest.mark.usefixtures("_secrets_here")
@pytest.mark.parametrize("text", ["first", "first\n", "first\r\nsecond\n"])
def test_file_gives_its_first_line(tmp_path, text):
    place = tmp_path / "password"
    place.write_bytes(text.encode())

    assert CredentialFactory(password=f"file:{place}").reveal() == "first"


@pytest.mark.usefixtures("_secrets_here")
@pytest.mark.parametrize("content", [None, b"", b"\nsecond\n", b"\xff\xfe\x00"])
def test_file_that_is_missing_empty_or_no_text_is_an_error(tmp_path, content):
    place = tmp_path / "password"
    if content is not None:
        place.write_bytes(content)

    with pytest.raises(UnreadableCredential, match=f"file {place}"):
        CredentialFactory(password=f"file:{place}").reveal()


@pytest.mark.usefixtures("_secrets_here")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_no_password(tmp_path, make):
    make(tmp_path / "odd")

    with pytest.raises(UnreadableCredential, match="not readable"):
        CredentialFactory(password=f"file:{tmp_path}/odd").reveal()


@pytest.fixture
def outside(settings, tmp_path):
    """A file beside the only directory that may be named, which has a link to it."""
    place, inside = tmp_path / "own.env", tmp_path / "secrets"
    place.write_text("SECRET_KEY=ours")
    inside.mkdir()
    (inside / "link").symlink_to(place)
    (inside / "circle").symlink_to(inside / "circle")
    settings.SECRET_FILES_DIRS = [str(inside)]
    return tmp_path


FORBIDDEN = [
    *("/proc/self/environ", "{}/own.env", "{}/secrets/link", "{}/secrets/../own.env"),
    *("{}/secrets", "{}/secrets/circle", "own.env", "", "{}/secrets/\0"),
]


@pytest.mark.parametrize("place", FORBIDDEN)
def test_file_outside_of_the_directories_of_secrets_is_never_read(outside, place):
    with pytest.raises(UnreadableCredential, match="may not be named"):
        CredentialFactory(password=f"file:{place.format(outside)}").reveal()


@pytest.mark.parametrize(
    "password",
    [
        *("env:", "env:SECRET_KEY", "env:DATABASE_URL", "env:WHALEFALL_ENCRYPTION_KEYS"),
        *(f"file:{place}" for place in FORBIDDEN),
    ],
)
def test_what_may_not_be_named_is_not_stored(outside, password):
    password = password.format(outside)

    assert not CredentialSerializer(
        data={"name": "c", "username": "u", "password": password}
    ).is_valid()
    form = modelform_factory(Credential, CredentialForm, ["name", "username", "password"])
    assert not form({"name": "c", "username": "u", "password": password}).is_valid()
    with pytest.raises(InvalidRequest):
        add_instance("db", Address("toy", "h", None, "u", password))
    assert not Credential.objects.exists()


# --- who sees it ------------------------------------------------------------------------------


def test_password_is_in_no_text_about_it():
    fresh = CredentialFactory(name="vault", password="hush-hush")
    credential = again(fresh)
    credential.reveal()
    target = InstanceFactory(credential=credential).target()

    texts = [
        *(write(one) for one in (fresh, credential, target) for write in (repr, str)),
        repr(credential.password),
        str(encrypt("hush-hush")),
        f"{vars(credential)}",
        serializers.serialize("json", [credential]),
        json.dumps(list(Credential.objects.values("name", "password")), default=str),
    ]

    assert target.password == "hush-hush"
    assert not [text for text in texts if "hush-hush" in text]


def test_ciphertext_compares_by_what_is_stored():
    credential = CredentialFactory()

    assert again(credential).password == again(credential).password
    assert len({again(credential).password, again(credential).password}) == 1
    assert again(credential).password != "hush-hush"
