"""Ray's fake provider of nodes, whose nodes tell how much memory they have. Loaded by the head of a test."""

from __future__ import annotations

from unittest import mock

from ray._private import parameter
from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider

PLAIN = parameter.RayParams


def with_memory(*, resources, **others):
    """Ray's own takes `memory` for a resource by that name, which no node may have."""
    return PLAIN(memory=resources.pop("memory", None), resources=resources, **others)


class FakeNodes(FakeMultiNodeProvider):
    """Nodes of this machine."""

    def _create_node_with_resources_and_labels(self, *args):
        with mock.patch.object(parameter, "RayParams", with_memory):
            super()._create_node_with_resources_and_labels(*args)
