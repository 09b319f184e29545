#!/usr/bin/env python
"""Whalefall's command line."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    if sys.argv[1:2] == ["demo"]:
        from whalefall.demo.trial import prepare_trial  # noqa: PLC0415 -- only a trial needs it

        prepare_trial()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whalefall.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
