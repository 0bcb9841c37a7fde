from __future__ import annotations

from airflow_provider_pai.model.masking import masked


def test_values_whose_names_look_secret_are_masked_wherever_they_stand() -> None:
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
    assert shown["CredentialConfig"]["CredentialConfigItems"][0]["Key"] == "role"


def test_nothing_is_made_of_what_is_empty() -> None:
    assert masked({"Environments": {"TOKEN": ""}, "a": None}) == {"Environments": {"TOKEN": ""}, "a": None}


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
