from __future__ import annotations

import json
import time
from typing import Any

import pytest

from airflow_provider_pai.model.masking import looks_secret, masked, masked_text, masked_value
from airflow_provider_pai.model.problem import Problem


def _words(text: str) -> list[str]:
    return text.split()


CANARY = "c4n4ryHunter2"
SECRET_NAMES = _words(
    """
    WANDB_KEY WANDB_API_KEY SIGNING_KEY GITHUB_PAT GH_TOKEN HF_TOKEN DB_PASSWORD db_passwd MYSQL_PWD
    PGPASSWORD SMTP_PASS PASSPHRASE client_secret SECRET AWS_SECRET_ACCESS_KEY
    ALIBABA_CLOUD_ACCESS_KEY_ID accessKeySecret apiKey apikey security_token SecurityToken
    refreshToken ACCESS_TOKENS PRIVATE_KEY SSH_KEY ENCRYPTION_KEY LICENSE_KEY JWT COOKIE
    Authorization BASIC_AUTH auth CREDENTIALS gcp_credentials OTP USER_PIN TLS_PEM SENTRY_DSN
    AZURE_SAS Signature PASSWORD_SALT KEY 数据库密码 my.secret.value
    """
)
PLAIN_NAMES = _words(
    """
    max_tokens num_tokens tokens_per_batch tokenizer tokenizer_name pad_token eos_token
    token_dropout sort_key primary_key partition_key key Key num_keys key_dim keyboard patience path
    epochs lr COMPASS bypass pass_rate passes author pin_memory signature_def_key_count hidden_size
    monkey turkey cache_key PATTERN oss_object_key CredentialConfig
    """
)
SECRET_TEXTS = [
    f"machine github.com\nlogin me\npassword {CANARY}",
    f"https://a.blob.core.windows.net/x?sv=2022&sig={CANARY}&se=1",
    f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={CANARY}",
    f"https://open.feishu.cn/open-apis/bot/v2/hook/{CANARY}",
    f"ossutil64 -e oss-cn-hangzhou.aliyuncs.com -i id -k {CANARY} cp -r oss://a/b .",
    f"openssl enc -d -k {CANARY} -in model.enc",
    f"openssl rsa -passin pass:{CANARY} -in k",
    f"client-key-data: {CANARY}",
    f"<server><password>{CANARY}</password></server>",
    f"echo {CANARY} | docker login -u me --password-stdin registry",
    f"echo '{CANARY} x' | gh auth login --with-token",
    f"docker login -u me --password-stdin <<< {CANARY}",
    f"import os; os.environ['API_KEY']='{CANARY}'",
    f'config["db"]["password"] = "{CANARY}"',
    f"密码\uff1a{CANARY}",
    f"train.py --ak id --sk {CANARY}",
    f"train.py \\\n  --password \\\n  {CANARY}",
    f"hvs.{CANARY}{CANARY}",
    f"CAIS{CANARY}{CANARY}",
    f"-----BEGIN RSA PRIVATE KEY-----\nMII{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\\nb3{CANARY}\\n",
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{CANARY}\n-----END PGP PRIVATE KEY BLOCK-----",
    f'{{"type": "service_account", "private_key": "{CANARY}"}}',
    f'[{{"db": {{"credentials": {{"user": "me", "pw": "{CANARY}"}}}}}}]',
    f'{{"outer": "{{\\"password\\": \\"{CANARY}\\"}}"}}',
    f'say {{"password": "{CANARY}"}} twice',
    f"{{'token': '{CANARY}', 'lr': 0.1}}",
    f'"{{\\"api_key\\": \\"{CANARY} x\\"}}"',
    f"https://bkt.oss-cn-hangzhou.aliyuncs.com/k?Expires=1&OSSAccessKeyId=LTAI5tabc&Signature={CANARY}%3D",
    f"https://host/k?x-oss-signature={CANARY}&x-oss-security-token={CANARY}",
    f"https://host/robot/send?access_token={CANARY}",
    f"jdbc:mysql://host:3306/db?user=me&password={CANARY}",
    f"jdbc:sqlserver://host;user=me;password={CANARY};encrypt=true",
    f"Server=h;Uid=me;Pwd={CANARY};",
    f"DefaultEndpointsProtocol=https;AccountName=me;AccountKey={CANARY}==;",
    f"postgres://me:{CANARY}@host/db",
    f"there is no file or folder: 'https:/me:{CANARY}@host/x'",
    f"mysql://me:p@{CANARY}/w@host/db",
    f"redis://:{CANARY}@host:6379/0",
    f"git clone https://{CANARY}@github.com/me/x",
    f"python train.py --password={CANARY}",
    f"python train.py --password {CANARY}",
    f"python train.py --wandb-key '{CANARY} {CANARY}'",
    f'python train.py --api_key "{CANARY}" --lr 0.1',
    f"python train.py --token={CANARY}'{CANARY}'",
    f"DB_PASSWORD={CANARY} python train.py",
    f"export HF_TOKEN={CANARY}; python train.py",
    f"env GITHUB_PAT='{CANARY}' sh run.sh",
    f"password: {CANARY}\nuser: me",
    f"secret = '{CANARY}",
    f"curl -u me:{CANARY} https://host",
    f"curl --user me:{CANARY} https://host",
    f"curl -H 'Authorization: Bearer {CANARY}' https://host",
    f'curl -H "Authorization: Basic {CANARY}==" https://host',
    f"Cookie: a=1; session={CANARY}",
    f"mysql -h host -u me -p{CANARY} db",
    f"sshpass -p {CANARY} ssh host",
    f"docker login -u me -p {CANARY} registry.example",
    f"docker login registry.example -p{CANARY} && true",
    f"wandb login {CANARY}",
    f"wandb login --relogin {CANARY} && python train.py",
    f"https://hooks.slack.com/services/T0/B0/{CANARY}",
    *(f"use {prefix}{CANARY}{CANARY} here" for prefix in _words("ghp_ gho_ github_pat_ glpat- xoxb- sk- sk-ant- gsk_")),
    *(f"use {prefix}{CANARY}{CANARY} here" for prefix in _words("sk_live_ LTAI5t STS. AIza ya29. hf_ npm_ whsec_")),
    *(f"use {prefix}{CANARY}{CANARY} here" for prefix in _words("pypi- dckr_pat_ nvapi- dop_v1_")),
    f"use AKIA{CANARY.upper()} here".replace("C4N4RY", CANARY.upper()[:6]),
    f"eyJhbGciOiJIUzI1NiJ9.eyJ{CANARY}.{CANARY}",
]  # fmt: skip
PLAIN_TEXTS = [
    "Basic configuration of basic training",
    "echo model | tee out",
    "<name>churn</name>",
    "a login of the password page",
    "sort -k 2 x",
    "python train.py --max_tokens 4096 --sort_key=name --lr 0.1 $PAI_USER_ARGS",
    "oss://bucket/key@v1/model.tar.gz",
    "registry.cn-hangzhou.aliyuncs.com/pai-dlc/pytorch-training:1.12-cpu-py39-ubuntu20.04",
    "registry:5000/image@sha256:" + "a" * 64,
    "http://host:8080/path@x",
    "accuracy=([0-9.]+)",
    "basic training with 3 tokens, fine",
    '{"epochs": 3, "tokenizer": "bert"}',
    "mkdir -p /tmp/x && docker run -p 8080:80 -u 1000 image",
    "command is missing: say what the job runs, for example 'python train.py $PAI_USER_ARGS'",
    "access_key_secret is missing: fill in the field Password, or access_key_secret in Extra",
    "environments['DB_PASSWORD'] must be a text, a number or a boolean",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_says_that_its_value_is_a_secret(name: str) -> None:
    assert looks_secret(name)
    assert CANARY not in str(masked({"Environments": {name: CANARY}}))
    assert CANARY not in str(
        masked([{"Name": name, "Value": CANARY}, {"Key": name, "Value": CANARY}]) if name != "KEY" else ""
    )
    assert CANARY not in masked_value(name, CANARY)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_a_name_that_only_sounds_like_it_does_not(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize("text", SECRET_TEXTS, ids=range(len(SECRET_TEXTS)))
def test_a_secret_is_known_by_its_shape_whatever_it_is_called(text: str) -> None:
    for shown in (
        masked_text(text),
        str(masked({"NOTE": [text]})),
        masked_value("NOTE", text),
        str(Problem("x", text)),
    ):
        assert CANARY.lower() not in shown.lower()
        assert "***" in shown


@pytest.mark.parametrize("text", PLAIN_TEXTS, ids=range(len(PLAIN_TEXTS)))
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert masked_text(text) == text


def test_values_with_secret_names_are_masked_at_any_depth() -> None:
    body = {
        "Environments": {"HF_TOKEN": "abc", "EPOCHS": "3"},
        "HyperParameters": [{"Name": "api_key", "Value": "abc"}, {"Name": "lr", "Value": "0.1"}],
        "Labels": [{"Key": "password", "Value": "abc"}],
        "CredentialConfig": {
            "EnableCredentialInject": True,
            "CredentialConfigItems": [{"Key": "role", "Roles": [{"AssumeUserInfo": {"SecurityToken": "abc"}}]}],
        },
    }
    shown = masked(body)
    assert "abc" not in str(shown)
    assert shown["Environments"] == {"HF_TOKEN": "***", "EPOCHS": "3"}
    assert shown["HyperParameters"][1] == {"Name": "lr", "Value": "0.1"}
    assert shown["CredentialConfig"]["EnableCredentialInject"] is True
    assert shown["CredentialConfig"]["CredentialConfigItems"][0]["Key"] == "role"


def test_what_lies_below_a_secret_name_is_secret_too() -> None:
    value: Any = {"credentials": {"user": "me", "hosts": ["abc", {"pw": 123}]}}
    assert masked(value) == {"credentials": {"user": "***", "hosts": ["***", {"pw": "***"}]}}


def test_nothing_is_made_of_what_is_empty() -> None:
    assert masked({"Environments": {"TOKEN": ""}, "a": None}) == {"Environments": {"TOKEN": ""}, "a": None}


def test_json_in_a_text_stays_json() -> None:
    assert json.loads(masked_text('{"token": "abc", "epochs": 3}')) == {"token": "***", "epochs": 3}
    assert masked_text('{"epochs":  3}') == '{"epochs":  3}'


def test_users_and_passwords_in_urls_are_masked_in_lists_and_commands_too() -> None:
    body = {
        "PythonRequirements": ["--extra-index-url https://user:abc@host/simple"],
        "Environments": {"DATABASE_URL": "postgres://user:abc@host/db", "DB_PASS": "abc", "COMPASS": "north"},
        "Command": ["sh", "-c", "git clone https://abc@host/x oss://bucket/key"],
    }
    shown = masked(body)
    assert "abc" not in str(shown)
    assert "oss://bucket/key" in shown["Command"][2]
    assert shown["Environments"]["COMPASS"] == "north"


@pytest.mark.parametrize(
    "piece", ["a", "a.", "-", "--a ", "=", ":", "'", '"', "\\", "://", "@", "eyJ", "a=", "{", "mysql "]
)
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    begun = time.process_time()
    masked_text(piece * 30_000)
    assert time.process_time() - begun < 2.0
