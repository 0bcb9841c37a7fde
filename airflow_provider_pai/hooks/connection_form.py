"""The fields of Airflow's connection form: one table for all versions of Airflow.

Airflow imports this module in every process along with the provider's description, so nothing else comes along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

RELABELING = {"login": "Access Key ID", "password": "Access Key Secret"}


@dataclass(frozen=True)
class FormField:
    """A field of the form, which is a member of the connection's Extra.

    Attributes:
        label: what the form calls it.
        description: what to fill in.
        kind: how it is filled in; a password isn't shown.
        choices: the values there are; empty for any.
        required: whether the form insists on it.
        placeholder: what an empty field shows.
        group: heading that the field stands below; empty for the few that come first.
    """

    label: str
    description: str
    kind: Literal["string", "password", "integer", "boolean"] = "string"
    choices: tuple[str, ...] = ()
    required: bool = False
    placeholder: str = ""
    group: str = ""


TYPES = ("access_key", "sts", "ram_role_arn", "oidc_role_arn", "ecs_ram_role", "credentials_uri", "default")
_CREDENTIALS, _NETWORK = "Other credentials", "Network and endpoints"
FIELDS = {
    "region_id": FormField("Region", "For example cn-hangzhou.", required=True, placeholder="cn-hangzhou"),
    "workspace_id": FormField("Workspace ID", "For example 12345.", required=True, placeholder="12345"),
    "bucket": FormField(
        "OSS bucket", "For code and outputs; by default the workspace's default storage.", placeholder="my-bucket"
    ),
    "credential_type": FormField(
        "Credential type",
        "Where the access key comes from. By default it is the one above, with or without a security token.",
        choices=TYPES,
        placeholder="access_key",
        group=_CREDENTIALS,
    ),
    "security_token": FormField(
        "Security token", "Of temporary credentials (STS).", "password", group=_CREDENTIALS, placeholder="of STS"
    ),
    "role_arn": FormField(
        "Role ARN",
        "Of the RAM role to assume, for ram_role_arn and oidc_role_arn.",
        placeholder="acs:ram::123456789012:role/airflow",
        group=_CREDENTIALS,
    ),
    "role_session_name": FormField(
        "Role session name",
        "What ActionTrail shows as the user of the role.",
        placeholder="airflow",
        group=_CREDENTIALS,
    ),
    "duration_seconds": FormField(
        "Role session duration", "Seconds, by default 3600.", "integer", placeholder="3600", group=_CREDENTIALS
    ),
    "external_id": FormField(
        "External ID", "What the role's trust policy asks for, for ram_role_arn.", "password", group=_CREDENTIALS
    ),
    "policy": FormField(
        "Session policy", "JSON that narrows down what the role may do.", placeholder="{}", group=_CREDENTIALS
    ),
    "oidc_provider_arn": FormField(
        "OIDC provider ARN",
        "For oidc_role_arn; by default what ACK (RRSA) tells its pods, the role too.",
        placeholder="acs:ram::123456789012:oidc-provider/ack-rrsa-c1",
        group=_CREDENTIALS,
    ),
    "oidc_token_file": FormField(
        "OIDC token file",
        "For oidc_role_arn; by default what ACK (RRSA) tells its pods.",
        placeholder="/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token",
        group=_CREDENTIALS,
    ),
    "role_name": FormField(
        "ECS role name",
        "For ecs_ram_role; by default the one that the instance has.",
        placeholder="airflow",
        group=_CREDENTIALS,
    ),
    "disable_imdsv1": FormField(
        "Only IMDSv2", "For ecs_ram_role: refuse the older metadata service.", "boolean", group=_CREDENTIALS
    ),
    "credentials_uri": FormField(
        "Credentials URI",
        "For credentials_uri: the service that hands out access keys.",
        placeholder="http://localhost:8080/credentials",
        group=_CREDENTIALS,
    ),
    "network": FormField(
        "Network",
        "public (default), or vpc for the hosts inside a VPC.",
        choices=("public", "vpc"),
        placeholder="public",
        group=_NETWORK,
    ),
    "endpoint": FormField(
        "Endpoint",
        "URL in place of the region's.",
        placeholder="https://pai.cn-hangzhou.aliyuncs.com",
        group=_NETWORK,
    ),
    "oss_endpoint": FormField(
        "OSS endpoint",
        "URL in place of the region's, without the bucket.",
        placeholder="https://oss-cn-hangzhou.aliyuncs.com",
        group=_NETWORK,
    ),
    "sts_endpoint": FormField(
        "STS endpoint",
        "URL in place of the region's.",
        placeholder="https://sts.cn-hangzhou.aliyuncs.com",
        group=_NETWORK,
    ),
    "log_delay": FormField(
        "Log delay",
        "Seconds for which lines of a job's log may still come after its end, by default 3.",
        "integer",
        placeholder="3",
        group=_NETWORK,
    ),
    "package_members": FormField(
        "Send only changed code",
        "Packages of source code get several gzip members, of which unchanged ones are copied in OSS. Only where PAI "
        "is known to unpack such packages.",
        "boolean",
        group=_NETWORK,
    ),
}
PLACEHOLDERS = {
    "login": "access key id",
    "password": "access key secret",
    "extra": '{"region_id": "cn-hangzhou", "workspace_id": "12345"}',
    **{name: field.placeholder for name, field in FIELDS.items() if field.placeholder},
}
"""What empty fields show, in the forms of all versions of Airflow."""


def conn_fields() -> dict[str, Any]:
    """Return the fields as Airflow 3.2 and newer want them in ``conn-fields``."""
    return {
        name: {"label": field.label, "description": field.description, "schema": _schema(field)}
        for name, field in FIELDS.items()
    }


def form_widgets() -> dict[str, Any]:
    """Return the fields as older versions want them from a hook."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import Optional

    made: dict[str, Any] = {}
    for name, field in FIELDS.items():
        texts = {"label": lazy_gettext(field.label), "description": lazy_gettext(field.description)}
        if field.kind == "boolean":
            made[name] = BooleanField(**texts)
        elif field.kind == "integer":
            made[name] = IntegerField(**texts, widget=BS3TextFieldWidget(), validators=[Optional()])
        elif field.kind == "password":
            made[name] = PasswordField(**texts, widget=BS3PasswordFieldWidget())
        else:
            made[name] = StringField(**texts, widget=BS3TextFieldWidget())
    return made


def _schema(field: FormField) -> dict[str, Any]:
    """A field is optional when its type admits null; a list of values that holds null would show it as one of them."""
    kind = "string" if field.kind == "password" else field.kind
    schema: dict[str, Any] = {"type": kind if field.required else [kind, "null"]}
    if field.kind == "password":
        schema["format"] = "password"
    if field.choices:
        schema["examples"] = list(field.choices)
    if field.group:
        schema["section"] = field.group
    return schema
