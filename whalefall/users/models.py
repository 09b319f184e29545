from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A person or script that signs in to Whalefall; an ``Account`` is one in a database server."""
