"""Settings. Environments differ by variables, not by modules; this is the only reader of them."""

import os
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from whalefall.logs import keep_secret, logging_config, setup_structlog

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = environ.Env()
env.read_env(BASE_DIR / ".env")
# A trial brings all of its settings or none: production never falls back to a trial's keys.
if "SECRET_KEY" not in os.environ:
    env.read_env(VAR_DIR / "trial.env")


def required(name: str) -> str:
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Put it into the environment or into .env (see .env.example), "
            "or run `make demo`, which makes a trial with keys of its own."
        )
    return keep_secret(value)


# --- Django ---------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = required("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_FAILURE_VIEW = "whalefall.core.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "whalefall.urls"
WSGI_APPLICATION = "whalefall.wsgi.application"
AUTH_USER_MODEL = "users.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS: list[str] = []

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "auditlog",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_filters",
    "django_prometheus",
    "django_q",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "whalefall.core",
    "whalefall.users",
    "whalefall.audit",
    "whalefall.demo",
    "tags",
    "instances",
    "sync_sessions",
    "accounts",
    "capacity",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "whalefall.core.audit.AuditMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Own database: SQLite for a trial and small fleets, PostgreSQL in production ---------------

DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(required("DATABASE_URL"))}
keep_secret(DATABASES["default"].get("PASSWORD", ""))
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Without IMMEDIATE, contended read-modify-write transactions fail with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA busy_timeout=20000;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600

# --- Sign-in ------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "admin:index"
# A token of its own purpose has a key of its own, which follows from the one there is.
SIMPLE_JWT = {
    "SIGNING_KEY": keep_secret(sha256(f"json web token\0{SECRET_KEY}".encode()).hexdigest()),
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "CHECK_REVOKE_TOKEN": True,
}
# How many proxies stand in front of us: so many entries of X-Forwarded-For are believed.
PROXY_HOPS = env.int("PROXY_HOPS", default=0)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("COOKIES_SECURE", default=False)
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
)

# --- Audit log (django-auditlog); what is audited stands in whalefall/audit/tracked.py -----------

AUDITLOG_STORE_JSON_CHANGES = True
AUDITLOG_USE_FK_STRING_REPRESENTATION = True  # a name still says something when the row is gone
AUDITLOG_CID_GETTER = "whalefall.core.audit.request_id"

# --- Language, time, files ----------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
STATIC_URL = "static/"
STATIC_ROOT: Path | None = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# --- Console (django-unfold) ------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Whalefall",
    "SITE_HEADER": "Whalefall",
    "SITE_SYMBOL": "water",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "accounts.attention.dashboard",
    "STYLES": [lambda _request: static("console/console.css")],
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("console/favicon.svg"),
        }
    ],
    "SIDEBAR": {"navigation": "whalefall.core.admin.navigation"},
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .013 236.62)",
            "100": "oklch(95.1% .026 236.824)",
            "200": "oklch(90.1% .058 230.902)",
            "300": "oklch(82.8% .111 230.318)",
            "400": "oklch(74.6% .16 232.661)",
            "500": "oklch(68.5% .169 237.323)",
            "600": "oklch(58.8% .158 241.966)",
            "700": "oklch(50% .134 242.749)",
            "800": "oklch(44.3% .11 240.79)",
            "900": "oklch(39.1% .09 240.876)",
            "950": "oklch(29.3% .066 243.157)",
        }
    },
}

# --- API ----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First of the two, because it names a challenge: without one, 401 turns into 403.
        "whalefall.users.bearer.BearerSignIn",
        "whalefall.core.authentication.SessionSignIn",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["whalefall.core.permissions.ModelPermissions"],
    "DEFAULT_PARSER_CLASSES": ["whalefall.core.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "whalefall.core.renderers.EnvelopeJSONRenderer",
        "whalefall.core.renderers.EnvelopeBrowsableRenderer",
    ],
    "DEFAULT_PAGINATION_CLASS": "whalefall.core.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": [
        "whalefall.core.filters.Filter",
        "rest_framework.filters.SearchFilter",
        "whalefall.core.filters.Sort",
    ],
    "DEFAULT_SCHEMA_CLASS": "whalefall.core.schema.EnvelopeSchema",
    "EXCEPTION_HANDLER": "whalefall.core.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "NUM_PROXIES": PROXY_HOPS,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Whalefall",
    "DESCRIPTION": "Accounts and privileges of a fleet of databases.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,  # a write-only password has no place in an answer's schema
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    # From this machine: a docs page must not need the internet.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "whalefall.core.schema.close_requests",
        "whalefall.core.schema.allow_nulls",
        "whalefall.core.examples.add_examples",
        "whalefall.core.schema.add_failures",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AccountKind": "accounts.models.Account.Kind",
        "ApiTokenScope": "whalefall.users.models.ApiToken.Scope",
        "ChangeKind": "accounts.models.AccountChange.Kind",
        "HealthStatus": "whalefall.monitoring.health.STATUS_CHOICES",
        "ErrorCategory": "whalefall.core.schema.CATEGORIES",
        "ImportStatus": "instances.bulk_serializers.STATUSES",
        "SessionStatus": "sync_sessions.models.SyncSession.Status",
        "SessionCategory": "sync_sessions.models.SyncSession.Category",
    },
}

# Who may read /metrics from elsewhere than this machine: whoever brings it as a bearer token.
METRICS_TOKEN = keep_secret(env.str("METRICS_TOKEN", default=""))

# --- Workers (django-q2). Our own leases decide about retries, not the broker ------------------

READ_TIMEOUT_SECONDS = env.int("READ_TIMEOUT_SECONDS", default=300)
Q_TIMEOUT_SECONDS = env.int("Q_TIMEOUT_SECONDS", default=3600)
Q_CLUSTER = {
    "name": "whalefall",
    "orm": "default",
    "workers": env.int("WORKERS", default=2),
    "timeout": Q_TIMEOUT_SECONDS,
    "retry": Q_TIMEOUT_SECONDS + 300,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "bulk": 1,
    "poll": 1,
    "save_limit": 100,
}
# Workers that are not busy and don't answer for so long are ended and started anew.
WATCHDOG_SECONDS = env.float("WATCHDOG_SECONDS", default=30)

# --- Whalefall ----------------------------------------------------------------------------

WHALEFALL_ENCRYPTION_KEYS = [
    keep_secret(key) for key in required("WHALEFALL_ENCRYPTION_KEYS").split(",") if key
]
# How long a probe may take in all, while somebody waits for its answer.
PROBE_TIMEOUT_SECONDS = env.int("PROBE_TIMEOUT_SECONDS", default=60)
MOST_UPLOAD_BYTES = env.int("MOST_UPLOAD_BYTES", default=10 * 1024 * 1024)
CONNECT_TIMEOUT_SECONDS = env.int("CONNECT_TIMEOUT_SECONDS", default=5)
STATEMENT_TIMEOUT_SECONDS = env.int("STATEMENT_TIMEOUT_SECONDS", default=60)
# Servers read at a time by one worker, and records handed to a worker at a time.
READ_CONCURRENCY = env.int("READ_CONCURRENCY", default=8)
RECORDS_PER_CHUNK = env.int("RECORDS_PER_CHUNK", default=50)
LEASE_SECONDS = env.int("LEASE_SECONDS", default=60)
# A reading that would remove more than this share of accounts or grants is held back.
IMPLAUSIBLE_SHARE = env.float("IMPLAUSIBLE_SHARE", default=0.3)
PASSWORD_EXPIRING_DAYS = env.int("PASSWORD_EXPIRING_DAYS", default=14)
# How long a run tries to change the parts of tables that others use.
PARTITION_LOCK_SECONDS = env.float("PARTITION_LOCK_SECONDS", default=30)


def retention(name: str, default: int) -> int:
    """For how many days or months something is kept; 0, or nothing, is for ever."""
    text: str = env.str(name, default=str(default)).strip()
    if not (text or "0").isdecimal():
        raise ImproperlyConfigured(f"{name} is no whole number from 0 up: {text!r}.")
    return int(text or 0)


SIZE_RETENTION_MONTHS = retention("SIZE_RETENTION_MONTHS", 24)
AGGREGATE_RETENTION_MONTHS = {
    "daily": retention("DAILY_RETENTION_MONTHS", 24),
    "weekly": retention("WEEKLY_RETENTION_MONTHS", 60),
    "monthly": retention("MONTHLY_RETENTION_MONTHS", 0),
    "quarterly": retention("QUARTERLY_RETENTION_MONTHS", 0),
}
TABLE_SIZE_RETENTION_MONTHS = retention("TABLE_SIZE_RETENTION_MONTHS", 24)
FORECAST_RETENTION_MONTHS = retention("FORECAST_RETENTION_MONTHS", 24)
EVENT_RETENTION_DAYS = retention("EVENT_RETENTION_DAYS", 30)
SESSION_RETENTION_DAYS = retention("SESSION_RETENTION_DAYS", 180)
HELD_READING_RETENTION_DAYS = retention("HELD_READING_RETENTION_DAYS", 30)
CHANGE_RETENTION_DAYS = retention("CHANGE_RETENTION_DAYS", 1095)
# Closed grants and memberships; what accounts might do earlier can't be asked any more.
HISTORY_RETENTION_DAYS = retention("HISTORY_RETENTION_DAYS", 1095)
REMOVED_DATABASE_RETENTION_DAYS = retention("REMOVED_DATABASE_RETENTION_DAYS", 365)

SCHEDULES = {
    "maintain_partitions": ("capacity.tasks.maintain_partitions", "30 0 * * *"),
    "clean_up": ("capacity.tasks.clean_up", "30 5 * * *"),
    "sync_accounts": ("accounts.tasks.sync_all_accounts", "0 1 * * *"),
    "calculate_account": ("accounts.tasks.classify_all_accounts", "0 2 * * *"),
    "collect_database_sizes": ("capacity.tasks.collect_all_capacity", "0 3 * * *"),
    "collect_table_sizes": ("capacity.tasks.collect_all_tables", "30 3 * * 0"),
    "forecast_capacity": ("capacity.tasks.forecast_fleet", "30 4 * * *"),
    "calculate_database_size_aggregations": ("capacity.tasks.aggregate_all_due", "0 4 * * *"),
    "reap_sessions": ("sync_sessions.launch.reap", "* * * * *"),
}


# Of a trial only: what `manage.py demo` signs its user in with.
TRIAL_ADMIN_PASSWORD = env.str("TRIAL_ADMIN_PASSWORD", default="")


OWN_SECRETS = frozenset(
    {"SECRET_KEY", "DATABASE_URL", "WHALEFALL_ENCRYPTION_KEYS", "METRICS_TOKEN"}
)


def environment_secret(name: str) -> str | None:
    """The value of a variable that a credential names as ``env:NAME``; our own stay ours."""
    if name in OWN_SECRETS:
        return None
    return os.environ.get(name)


ENVIRONMENT_SECRET = environment_secret
# The only places whose files a credential may name as file:/path.
SECRET_FILES_DIRS = env.list(
    "SECRET_FILES_DIRS", default=["/run/secrets", "/etc/whalefall/secrets"]
)

# --- Logs ---------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="console" if sys.stderr.isatty() else "json")
LOGGING = logging_config(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"))
setup_structlog()
