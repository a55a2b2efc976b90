"""The exposition, and that no label comes from a client."""

from prometheus_client.parser import text_string_to_metric_families

from chassis import metrics


def test_the_exposition_can_be_parsed_and_has_what_every_process_has() -> None:
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    assert {
        "parley_http_requests",
        "parley_http_request_seconds",
        "parley_http_requests_in_flight",
        "parley_ready",
        "parley_draining",
        "parley_event_loop_lag_seconds",
        "parley_dependency_errors",
        "parley_degraded",
    } <= set(families)
    assert all(family.documentation for name, family in families.items() if name.startswith("parley_"))


def test_the_content_type_is_the_one_of_the_format() -> None:
    assert metrics.CONTENT_TYPE.startswith("text/plain; version=0.0.4")


def test_buckets_rise() -> None:
    assert list(metrics.LATENCY_BUCKETS) == sorted(set(metrics.LATENCY_BUCKETS))


def test_a_counter_is_seen_in_the_exposition() -> None:
    metrics.degraded.labels("test_mode").inc(3)
    assert b'parley_degraded_total{mode="test_mode"} 3.0' in metrics.render()
