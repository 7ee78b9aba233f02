"""A process that holds the writer's lock of the index and does not go on."""

import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.store.support import MIB, fetch, fill, key_of, open_store, payload_of
from vfs.lmdb.orders import Busy, Closed, Order, Orders
from vfs.store import VERIFIED, Taken
from vfs.testing.holders import be_impatient, held
from vfs.testing.mounts import wait_until


def carry_out(order: Order[Any]) -> object:
    order.begins()
    return order.function(None)


def test_a_store_that_is_opened_while_the_index_is_held_is_read_and_later_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    be_impatient(monkeypatch)
    with open_store(tmp_path / "c") as store:
        fill(store, [0])
    with held(tmp_path / "c" / "index") as holder, open_store(tmp_path / "c") as store:
        assert f"process {holder.pid} (python" in caplog.text
        assert fetch(store, key_of(0)) == payload_of(0)
        assert store.append([(key_of(1), b"1")]) is Taken.LATER
        assert store.make_room(1) is Taken.LATER
        holder.kill()
        holder.wait()
        store.maintain()
        assert store.append([(key_of(1), b"1")])
        assert fetch(store, key_of(0)) == payload_of(0)


def test_a_store_is_opened_later_where_another_process_stood_at_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    be_impatient(monkeypatch)
    monkeypatch.setattr("vfs.store.store.OPENING", 0.2)
    with open_store(tmp_path / "c") as store:
        fill(store, [0])
    with (tmp_path / "c" / "gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        store = open_store(tmp_path / "c")
        assert f"process {os.getpid()} (" in caplog.text
        assert store.append([(key_of(1), b"1")]) is Taken.NO
        store.maintain()
        assert store.locate(key_of(0)) is None
    store.maintain()
    assert fetch(store, key_of(0)) == payload_of(0)
    with (tmp_path / "c" / "gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        store.close()


def test_a_store_reads_and_goes_on_without_caching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    be_impatient(monkeypatch)
    with open_store(tmp_path / "c") as store:
        fill(store, [0, 1])
        with held(tmp_path / "c" / "index") as holder:
            assert holder.stdin is not None
            first = threading.Thread(target=store.append, args=[[(key_of(2), payload_of(2))]])
            first.start()
            assert store._engine is not None
            orders = store._engine.index._orders
            wait_until(lambda: orders._current_here is not None, "the first to hang")
            wait_until(lambda: store.append([(key_of(3), b"3")]) is Taken.LATER, "a refusal")
            wait_until(lambda: f"process {holder.pid} (python" in caplog.text, "the warning")
            store.set_verdict(b"blob", VERIFIED)
            store.drop([key_of(1)])
            store.maintain()
            assert fetch(store, key_of(0)) == payload_of(0)
            assert store.locate(key_of(1)) is None, "this process does not find it"
            assert store.verdict(b"blob") == VERIFIED
            holder.stdin.write("\n")
            holder.stdin.flush()
            holder.wait()
        first.join()
        assert fetch(store, key_of(2)) == payload_of(2)
        wait_until(lambda: store.append([(key_of(4), b"4")]), "the other process's end")
        assert store.locate(key_of(3)) is None, "it was given up"


def test_a_store_closes_beside_a_stopped_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch)
    store = open_store(tmp_path / "c")
    fill(store, [1])
    with held(tmp_path / "c" / "index") as holder:
        first = threading.Thread(target=store.append, args=[[(key_of(2), payload_of(2))]])
        first.start()
        assert store._engine is not None
        orders = store._engine.index._orders
        wait_until(lambda: orders._current_here is not None, "the first to hang")
        store.set_verdict(b"blob", VERIFIED)
        store.close()
        holder.kill()
        first.join()


def test_orders_are_carried_out_in_turn_and_tell_what_fails() -> None:
    orders = Orders(carry_out, lambda: "it is held", lambda: Closed("gone"))
    assert orders.run(lambda t: 5) == 5
    with pytest.raises(ZeroDivisionError):
        orders.run(lambda t: 1 // 0)
    assert orders.stop()


def test_an_order_that_has_begun_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    be_impatient(monkeypatch)
    begun, refused = threading.Event(), threading.Event()
    orders = Orders(carry_out, lambda: "it is held", lambda: Closed("gone"))
    done: list[bool] = []

    def work(transaction: object) -> bool:
        begun.set()
        return refused.wait(20)

    first = threading.Thread(target=lambda: done.append(orders.run(work)))
    first.start()
    assert begun.wait(20)
    with pytest.raises(Busy):
        orders.run(lambda t: None)
    refused.set()
    first.join()
    assert done == [True]
    assert orders.stop()


def test_room_that_was_promised_to_one_that_hangs_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.store.room.PATIENCE", 0.1)
    with open_store(tmp_path / "c", limit=8 * MIB) as store:
        engine = store._engine
        assert engine is not None
        assert store._room.admit(engine, MIB)
        assert store.append([(key_of(1), payload_of(1))]) is Taken.LATER
        store._room.give_back(MIB)
        assert store.append([(key_of(1), payload_of(1))])
