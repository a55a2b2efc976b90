"""What settings make of Kafka: where it is, what topics are like, how it is reached."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chassis.kafka import Kafka, KafkaSettings, kafka_of
from chassis.lifecycle import Fatal
from chassis.settings import SettingsError, load

URL = {"KAFKA_URL": "kafka://kafka:9093"}
CREDENTIALS = {"KAFKA_SASL_USERNAME": "parley", "KAFKA_SASL_PASSWORD": "hush-hush"}


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://127.0.0.1:9092", "127.0.0.1:9092"),
        ("kafka://one:9092,two.example.org:9093/", "one:9092,two.example.org:9093"),
        ("kafka://[::1]:9092", "[::1]:9092"),
    ],
)
def test_a_kafka_url_is_a_list_of_servers(url: str, servers: str) -> None:
    environment = {"KAFKA_URL": url, "KAFKA_IDEMPOTENCE": "on", "KAFKA_PARTITIONS": "12", "KAFKA_REPLICATION": "3"}
    assert kafka_of(load(KafkaSettings, environment)) == Kafka(servers, 12, 3, True)


def test_no_kafka_url_is_no_kafka() -> None:
    assert kafka_of(load(KafkaSettings, {})) is None


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:9092", "kafka://", "kafka://host", "kafka://a:1,b", "http://a:1", "kafka://u:p@a:1", "kafka://a:1/x"],
)
def test_another_url_is_refused_before_anything_starts(url: str) -> None:
    with pytest.raises(SettingsError, match="KAFKA_URL"):
        load(KafkaSettings, {"KAFKA_URL": url})


def test_topics_and_groups_have_a_prefix_and_topics_a_retention() -> None:
    kafka = kafka_of(load(KafkaSettings, {**URL, "KAFKA_TOPIC_PREFIX": "blue.", "KAFKA_RETENTION_SECONDS": "86400"}))
    assert kafka is not None
    assert (kafka.named("user.events"), kafka.retention_seconds) == ("blue.user.events", 86_400)
    with pytest.raises(SettingsError, match="KAFKA_TOPIC_PREFIX"):
        load(KafkaSettings, {**URL, "KAFKA_TOPIC_PREFIX": "a/b"})


def test_without_security_clients_are_told_where_to_go_and_nothing_else() -> None:
    kafka = kafka_of(load(KafkaSettings, URL))
    assert kafka is not None
    assert kafka.client == {"bootstrap_servers": "kafka:9093"}


def test_credentials_are_passed_on_with_and_without_tls() -> None:
    given = {**URL, "KAFKA_SASL_USERNAME": "parley", "KAFKA_SASL_PASSWORD": "secret", "KAFKA_SASL_MECHANISM": "PLAIN"}
    for security, protocol in (("sasl_plaintext", "SASL_PLAINTEXT"), ("sasl_tls", "SASL_SSL")):
        kafka = kafka_of(load(KafkaSettings, {**given, "KAFKA_SECURITY": security}))
        assert kafka is not None
        context = kafka.client.get("ssl_context")
        assert (context is not None) == (security == "sasl_tls")
        assert {**kafka.client, "ssl_context": None} == {
            "bootstrap_servers": "kafka:9093",
            "security_protocol": protocol,
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": "parley",
            "sasl_plain_password": "secret",
            "ssl_context": None,
        }


def test_credentials_that_are_missing_are_fatal() -> None:
    with pytest.raises(Fatal, match="KAFKA_SASL_USERNAME"):
        kafka_of(load(KafkaSettings, {**URL, "KAFKA_SECURITY": "sasl_tls"}))


def test_tls_checks_the_brokers_and_shows_our_own_certificate(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    files = {"KAFKA_CA_FILE": certificate, "KAFKA_CERTIFICATE_FILE": certificate, "KAFKA_KEY_FILE": key}
    kafka = kafka_of(load(KafkaSettings, {**URL, "KAFKA_SECURITY": "tls", **files}))
    assert kafka is not None
    context = kafka.client["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [dict(pair[0] for pair in found["subject"]) for found in context.get_ca_certs()] == [{"commonName": "kafka"}]
    assert kafka.client["security_protocol"] == "SSL"


def test_a_certificate_that_cannot_be_read_is_fatal(tmp_path: Path) -> None:
    for name in ("absent.pem", "empty.pem"):
        (tmp_path / "empty.pem").touch()
        settings = load(KafkaSettings, {**URL, "KAFKA_SECURITY": "tls", "KAFKA_CA_FILE": str(tmp_path / name)})
        with pytest.raises(Fatal, match="KAFKA_CA_FILE"):
            kafka_of(settings)


def test_a_kafka_is_shown_without_its_password() -> None:
    kafka = kafka_of(load(KafkaSettings, {**URL, "KAFKA_SECURITY": "sasl_plaintext", **CREDENTIALS}))
    assert "hush-hush" not in repr(kafka)


def self_signed(folder: Path) -> tuple[str, str]:
    """The files of a certificate and its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    return str(folder / "certificate.pem"), str(folder / "key.pem")
