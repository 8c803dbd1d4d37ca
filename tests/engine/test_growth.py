"""What the first version of Ray's autoscaler tells, as it told it of a cluster of two machines."""

from __future__ import annotations

from d2b_ray.engine.on_ray import autoscaling

DEMAND = [[{"CPU": 1.0, "GPU": 1.0}, 2], [{"CPU": 1.0}, 1]]


def status(**report):
    told = {
        "pending_nodes": [],
        "pending_launches": {},
        "node_type_mapping": {"192.168.77.1": "local"},
    }
    available = {"node_availabilities": {"local": {"is_available": True}}}
    return {
        "autoscaler_report": {**told, "node_availability_summary": available, **report},
        "load_metrics_report": {"resource_demand": DEMAND},
    }


def tells(monkeypatch, status):
    monkeypatch.setattr(autoscaling, "_is_second", lambda: False)
    monkeypatch.setattr(autoscaling, "_first_status", lambda: status)


def test_a_cluster_with_types_of_nodes_grows_and_a_plain_head_does_not(monkeypatch):
    tells(monkeypatch, status())
    assert autoscaling.grows()
    tells(monkeypatch, status(node_type_mapping={"ab": "node_" + "0f" * 28}))
    assert not autoscaling.grows()
    tells(monkeypatch, {})
    assert not autoscaling.grows()


def test_what_waits_while_nothing_is_started_waits_in_vain(monkeypatch):
    tells(monkeypatch, status())
    assert autoscaling.denied(1.0, 1.0) == 2
    assert autoscaling.denied(1.0, 0.0) == 1
    assert autoscaling.denied(4.0, 0.0) == 0


def test_what_is_started_or_could_not_be_had_is_waited_for(monkeypatch):
    short = {"node_availabilities": {"gpu_spot": {"is_available": False}}}
    for report in (
        {"pending_nodes": [["192.168.77.2", "gpu", "uninitialized"]]},
        {"pending_launches": {"gpu": 1}},
        {"node_availability_summary": short},
    ):
        tells(monkeypatch, status(**report))
        assert autoscaling.denied(1.0, 1.0) == 0


def test_a_ray_that_does_not_tell_is_lived_with(monkeypatch):
    def gone():
        raise AttributeError("another version")

    monkeypatch.setattr(autoscaling, "_is_second", gone)
    assert not autoscaling.grows()
    assert autoscaling.denied(1.0, 1.0) == 0
