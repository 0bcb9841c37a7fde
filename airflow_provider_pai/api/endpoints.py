"""From a region to the host of each service, public and VPC.

Hosts follow Alibaba Cloud's published pattern ``<prefix>.<region>.aliyuncs.com`` (aliyun/aliyun-openapi-meta). A
region missing from a product's list is no proof that its host is absent, so none is refused here; a connection may
override the host.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

Network = Literal["public", "vpc"]


@dataclass(frozen=True)
class Service:
    """A product of PAI's API.

    Attributes:
        name: product code.
        version: value of ``x-acs-version``.
        prefix: first label of the public host.
        vpc_prefix: first label of the host inside a VPC.
    """

    name: str
    version: str
    prefix: str
    vpc_prefix: str


PAI_STUDIO = Service("PaiStudio", "2022-01-12", "pai", "pai-vpc")
AI_WORKSPACE = Service("AIWorkSpace", "2021-02-04", "aiworkspace", "aiworkspace-vpc")
DLC = Service("pai-dlc", "2020-12-03", "pai-dlc", "pai-dlc-vpc")
EAS = Service("eas", "2021-07-01", "pai-eas", "pai-eas-manage-vpc")
STS = Service("Sts", "2015-04-01", "sts", "sts-vpc")


def service_url(service: Service, region_id: str, network: Network = "public") -> str:
    """Return the base URL of a service, without a trailing slash."""
    prefix = service.vpc_prefix if network == "vpc" else service.prefix
    return f"https://{prefix}.{region_id}.aliyuncs.com"


def oss_url(region_id: str, network: Network = "public") -> str:
    """Return the base URL of OSS in a region; inside a VPC its internal host."""
    suffix = "-internal" if network == "vpc" else ""
    return f"https://oss-{region_id}{suffix}.aliyuncs.com"


def console_url(region_id: str, workspace_id: str, job_id: str, endpoint: str = "") -> str:
    """Return the page of a training job in PAI's console; of local PAI, which the endpoint names, its own page."""
    if is_loopback(endpoint):
        return f"{endpoint.rstrip('/')}/pages/jobs/{job_id}"
    return f"{_console(region_id, workspace_id)}#/training/jobs/{job_id}"


def service_page(region_id: str, workspace_id: str, name: str, endpoint: str = "") -> str:
    """Return the page of a service in PAI's console; of local PAI, which the endpoint names, its own page."""
    if is_loopback(endpoint):
        return f"{endpoint.rstrip('/')}/pages/services/{name}"
    return f"{_console(region_id, workspace_id)}#/eas/serviceDetail/{name}/detail"


def model_page(region_id: str, workspace_id: str, model_id: str, endpoint: str = "") -> str:
    """Return the page of a registered model in PAI's console [inferred: the form is that of the other pages].

    Of local PAI, which the endpoint names, its own page.
    """
    if is_loopback(endpoint):
        return f"{endpoint.rstrip('/')}/pages/models/{model_id}"
    return f"{_console(region_id, workspace_id)}#/models/{model_id}"


def oss_page(region_id: str, uri: str) -> str:
    """Return the page of a folder in OSS's console; empty for an address that is none of OSS.

    The form of the page is [inferred]: it is the one that a browser shows there.
    """
    if not uri.startswith("oss://"):
        return ""
    bucket, _, key = uri.removeprefix("oss://").partition("/")
    # An address may name its endpoint, too: oss://bucket.oss-cn-hangzhou-internal.aliyuncs.com/key
    name = quote(bucket.partition(".")[0], safe="")
    return f"https://oss.console.aliyun.com/bucket/oss-{region_id}/{name}/object?path={quote(key, safe='')}"


def is_loopback(url: str) -> bool:
    """Whether a URL points to this machine, where no proxy has anything to do."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _console(region_id: str, workspace_id: str) -> str:
    return f"https://pai.console.aliyun.com/?regionId={region_id}&workspaceId={workspace_id}"
