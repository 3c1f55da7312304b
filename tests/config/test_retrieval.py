"""How a person writes where a collection is."""

from pathlib import Path

import pytest

from beenhere.config.retrieval import MilvusAddress
from beenhere.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "server", "uri"),
    [
        ("milvus://db.org/city", "milvus://db.org:19530", "http://db.org:19530"),
        ("milvus://10.0.0.1:99/city", "milvus://10.0.0.1:99", "http://10.0.0.1:99"),
        ("milvus+https://db.org/city", "milvus+https://db.org:19530", "https://db.org:19530"),
        ("milvus+https://db.org:443/city", "milvus+https://db.org:443", "https://db.org:443"),
        ("/data/x.db/city", "/data/x.db", "/data/x.db"),
    ],
)
def test_addresses(text: str, server: str, uri: str) -> None:
    address = MilvusAddress.parse(text)
    assert (address.address, address.collection, address.uri) == (server, "city", uri)
    assert address.local == text.startswith("/")
    assert MilvusAddress.parse(str(address)) == address


def test_a_file_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert MilvusAddress.parse("some/x.db/city").address == str(tmp_path / "some" / "x.db")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "city",
        "x.db",
        "folder/city",
        "milvus://db.org",
        "milvus://db.org/",
        "milvus://db.org/a/b",
        "milvus:///city",
        "milvus://db.org:/city",
        "milvus://:19530/city",
        "milvus://db.org:http/city",
        "https://db.org/city",
        "milvus://db.org/2nd",
        "milvus://db.org/my city",
        "x.db/caf\u00e9",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected milvus://HOST/COLLECTION") as error:
        MilvusAddress.parse(text)
    assert repr(text) in str(error.value) and "\n" not in str(error.value)


def test_a_password_is_not_kept() -> None:
    with pytest.raises(ConfigError, match="BEENHERE_MILVUS_TOKEN") as error:
        MilvusAddress.parse("milvus://root:secret@db.org/city")
    assert "secret" not in str(error.value)
