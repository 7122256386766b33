"""The queue of rows against a deque."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from ipv6console.pool.fifo import RowQueue

steps = st.one_of(st.tuples(st.just("add"), st.integers(0, 2_500)), st.tuples(st.just("take"), st.integers(0, 2_500)))


@given(st.lists(steps, max_size=8), st.booleans())
def test_rows_leave_in_the_order_they_came_one_by_one_or_many_at_once(
    steps: list[tuple[str, int]], at_once: bool
) -> None:
    queue, model, number = RowQueue(), deque[int](), 0
    for step, count in steps:
        if step == "add":
            rows = range(number, number := number + count)
            model.extend(rows)
            if at_once:
                queue.extend(rows)
            else:
                for row in rows:
                    queue.push(row)
        else:
            taken = [queue.pop() for _ in range(count)]
            assert taken == [model.popleft() if model else None for _ in range(count)]
    assert list(queue) == list(model)
