"""The queue in event loops: waiting does not block, cancelling loses nothing."""

import asyncio
import threading
from itertools import chain
from typing import Any

import pytest

import makespan as ms
from makespan.testing import ManualClock


async def turns(n: int = 20) -> None:
    """Let every task of the loop go on until it waits."""
    for _ in range(n):
        await asyncio.sleep(0)


def test_producers_and_consumers_in_one_loop() -> None:
    async def main() -> list[Any]:
        queue = ms.ExecutionQueue(size_max=3, when_full="block")
        taken = []

        async def produce(first: int) -> None:
            for at in range(first, first + 100):
                await queue.aput(at if at % 2 else str(at), at % 7)

        async def consume() -> None:
            while True:
                try:
                    key = await queue.aget()
                except ms.ClosedQueueError:
                    return
                taken.append(int(key))
                queue.done(key)

        async with asyncio.TaskGroup() as consumers:
            for _ in range(3):
                consumers.create_task(consume())
            async with asyncio.TaskGroup() as producers:
                for first in (0, 100, 200):
                    producers.create_task(produce(first))
            queue.close()
        return taken

    assert sorted(asyncio.run(main())) == list(range(300))


def test_threads_feed_loops_of_several_threads() -> None:
    queue = ms.ExecutionQueue(tracked=False)
    n_loops, n_keys = 3, 300
    taken: list[list[int]] = [[] for _ in range(n_loops)]

    async def consume(into: list[int]) -> None:
        while True:
            try:
                into.append(await queue.aget())
            except ms.ClosedQueueError:
                return

    async def main(into: list[int]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(consume(into))

    loops = [threading.Thread(target=lambda into=into: asyncio.run(main(into))) for into in taken]
    feeders = [
        threading.Thread(target=lambda first=first: [queue.put(key) for key in range(first, n_keys, 2)])
        for first in (0, 1)
    ]
    for thread in (*loops, *feeders):
        thread.start()
    for thread in feeders:
        thread.join()
    queue.close()
    for thread in loops:
        thread.join()
    assert sorted(chain.from_iterable(taken)) == list(range(n_keys))


def test_one_call_into_the_loop_for_a_batch() -> None:
    async def main() -> tuple[int, list[Any]]:
        queue = ms.ExecutionQueue()
        loop = asyncio.get_running_loop()
        n_calls = 0
        call = loop.call_soon_threadsafe

        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal n_calls
            n_calls += 1
            return call(*args, **kwargs)

        loop.call_soon_threadsafe = counted  # type: ignore[assignment, method-assign]
        tasks = [asyncio.create_task(queue.aget()) for _ in range(50)]
        await turns()
        for key in range(25):
            queue.push(key)
        queue.push_many(range(25, 50))
        return n_calls, await asyncio.gather(*tasks)

    n_calls, taken = asyncio.run(main())
    assert n_calls == 1
    assert sorted(taken) == list(range(50))


@pytest.mark.parametrize("when", ["while it waits", "after it was told"])
def test_cancelled_getter_has_taken_nothing(when: str) -> None:
    async def main() -> None:
        queue = ms.ExecutionQueue()
        first, second = asyncio.create_task(queue.aget()), asyncio.create_task(queue.aget())
        await turns()
        if when == "while it waits":
            first.cancel()
            await turns()
            queue.push("a")
        else:
            queue.push("a")
            # The loop has told the first one by now, which has not gone on.
            await asyncio.sleep(0)
            first.cancel()
        assert await asyncio.wait_for(second, 60) == "a"
        with pytest.raises(asyncio.CancelledError):
            await first
        assert queue.in_work() == ["a"]

    asyncio.run(main())


def test_cancelled_putter_has_put_nothing_in() -> None:
    async def main() -> None:
        queue = ms.ExecutionQueue(size_max=1, when_full="block", tracked=False)
        queue.push("a")
        first, second = asyncio.create_task(queue.aput("b")), asyncio.create_task(queue.aput("c"))
        await turns()
        assert queue.pop() == "a"
        await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.wait_for(second, 60)
        assert queue.keys() == ["c"]
        assert queue.state("b") is None

    asyncio.run(main())


def test_delayed_entries_wake_getters() -> None:
    async def main() -> list[Any]:
        queue = ms.ExecutionQueue()
        queue.push("later", delay=0.01)
        return [await asyncio.wait_for(queue.aget(), 60)]

    assert asyncio.run(main()) == ["later"]


def test_delayed_entries_wake_getters_by_a_given_clock() -> None:
    async def main() -> Any:
        clock = ManualClock()
        queue = ms.ExecutionQueue(clock=clock)
        queue.push("later", delay=5)
        task = asyncio.create_task(queue.aget())
        await turns()
        assert not task.done()
        clock.advance(5)
        return await asyncio.wait_for(task, 60)

    assert asyncio.run(main()) == "later"


def test_delayed_entry_that_comes_while_one_waits() -> None:
    async def main() -> Any:
        queue = ms.ExecutionQueue(retries=1, retry_delay=0.01)
        queue.push("a")
        key = await queue.aget()
        task = asyncio.create_task(queue.aget())
        await turns()
        queue.failed(key)
        return await asyncio.wait_for(task, 60)

    assert asyncio.run(main()) == "a"


def test_closing_ends_all_waits() -> None:
    async def main() -> list[Any]:
        queue = ms.ExecutionQueue(size_max=1, when_full="block")
        getters = [asyncio.create_task(queue.aget()) for _ in range(2)]
        await turns()
        queue.push("a")
        await turns()
        queue.push("b")
        await turns()
        queue.push("c")
        putter = asyncio.create_task(queue.aput("d"))
        await turns()
        queue.close()
        return await asyncio.gather(*getters, putter, return_exceptions=True)

    *taken, refused = asyncio.run(main())
    assert sorted(taken) == ["a", "b"]
    assert isinstance(refused, ms.ClosedQueueError)


def test_refusals_are_raised_at_once() -> None:
    async def main() -> None:
        queue = ms.ExecutionQueue(size_max=1)
        await queue.aput("a")
        with pytest.raises(ms.QueueFullError):
            await queue.aput("b")
        blocking = ms.ExecutionQueue(size_max=1, when_full="block")
        await blocking.aput("a")
        with pytest.raises(ms.DuplicateKeyError):
            await blocking.aput("a")
        with pytest.raises(ms.ValidationError, match="priority is nan"):
            await blocking.aput("b", float("nan"))

    asyncio.run(main())


def test_loop_that_ended_leaves_nothing_behind() -> None:
    queue = ms.ExecutionQueue()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await queue.aget()

    for _ in range(3):
        asyncio.run(give_up())
    queue.push("a")
    assert asyncio.run(queue.aget()) == "a"
    assert not queue._bells._takers
