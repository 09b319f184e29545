"""The server's own tables, of which nobody but a superuser may change a row."""

WORDS = """
aggregate am amop amproc attrdef attribute auth_members authid cast class collation constraint
conversion database db_role_setting default_acl depend description enum event_trigger extension
foreign_data_wrapper foreign_server foreign_table index inherits init_privs language largeobject
largeobject_metadata namespace opclass operator opfamily parameter_acl partitioned_table pltemplate
policy proc publication publication_namespace publication_rel range replication_origin rewrite
seclabel sequence shdepend shdescription shseclabel statistic statistic_ext statistic_ext_data
subscription subscription_rel tablespace transform trigger ts_config ts_config_map ts_dict
ts_parser ts_template type user_mapping
"""
CATALOGS = frozenset(f"pg_{word}" for word in WORDS.split())
"""Their names from PostgreSQL 12 to 18; what else is in ``pg_catalog`` are views.

Source: https://www.postgresql.org/docs/current/catalogs.html
"""
