"""The port of the metrics: who is answered, and with what."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from btt_chain.node.service.prometheus import LIMITS, PrometheusServer
from btt_chain.telemetry.metrics import Metrics
from btt_chain.web.listener import REFUSAL


def metrics() -> Metrics:
    return Metrics("a", "1", is_authority=False)


async def test_prometheus_reads_the_metrics() -> None:
    server = PrometheusServer(metrics(), 0)
    await server.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{server.port}/metrics") as answer,
        ):
            assert answer.status == 200
            assert answer.content_type == "text/plain"
            assert "substrate_block_height" in await answer.text()
    finally:
        await server.stop()


async def test_a_strange_host_name_is_refused() -> None:
    server = PrometheusServer(metrics(), 0)
    await server.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"http://127.0.0.1:{server.port}/metrics", headers={"host": "evil.example"}
            ) as answer,
        ):
            assert answer.status == 403
    finally:
        await server.stop()


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    first = PrometheusServer(metrics(), 0)
    await first.start()
    try:
        with pytest.raises(OSError, match="in use"):
            await PrometheusServer(metrics(), first.port).start()
    finally:
        await first.stop()
        await first.stop()


async def test_one_address_cannot_take_the_files_that_a_node_may_open() -> None:
    server = PrometheusServer(metrics(), 0)
    await server.start()
    try:
        flood = [
            await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0))
            for _ in range(LIMITS.connections_per_address + 1)
        ]
        assert await asyncio.wait_for(flood[-1][0].read(), 20) == REFUSAL
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{server.port}/metrics") as answer,
        ):
            assert answer.status == 200
        for _, writer in flood:
            writer.close()
    finally:
        await server.stop()
