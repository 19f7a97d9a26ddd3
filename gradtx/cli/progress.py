"""The progress of the training: a live bar on a terminal, a few plain lines in a log."""

import os
import shutil
import sys
from types import TracebackType

from tqdm import tqdm

_LINES = 10  # in a log


class Progress:
    """A context in which `show` reports each step, on stderr."""

    def __init__(self, steps: int):
        # A bar rewrites its line, which is impossible in a file or on a dumb terminal.
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._interval = max(1, steps // _LINES)
        columns, rows = shutil.get_terminal_size()  # 80 by 24 if unknown
        self._bar = tqdm(
            total=steps,
            disable=not self._live,
            ncols=columns,
            nrows=rows,
            bar_format="|{bar}| {n_fmt}/{total_fmt}, {remaining} left{postfix}",
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def show(self, step: int, loss: float, learning_rate: float, gradient_norm: float) -> None:
        """Reports that `step` steps are done, and the values of the last one."""
        # Short enough to leave a bar in 80 columns.
        values = f"loss {loss:.3f}, rate {learning_rate:.1e}, gradient norm {gradient_norm:.2f}"
        self._bar.set_postfix_str(values, refresh=False)
        self._bar.update()
        if not self._live and (step == 1 or step % self._interval == 0):
            print(f"step {step}/{self._bar.total}: {values}", file=sys.stderr, flush=True)
