"""Pages of a log: which one begins closest to a line, and how many lines a service gives on one."""

from __future__ import annotations

from airflow_provider_pai.api.training import LARGEST_LOG_PAGE, LOG_PAGE_SIZE


class PageSizes:
    """What is known of the pages of a service; found out while logs are read, and shared by all that are read from it.

    Nothing is assumed of the service but that pages of one size are parts of the log in order. It may give fewer lines
    than asked for, and then every page is as small, or refuse to be asked for so many.

    Attributes:
        most: lines to ask for at most.
        given: the most lines that came on one page: pages up to that size are complete.
        is_cap: whether the service is known to give no more than that.
    """

    def __init__(self) -> None:
        self.most = LARGEST_LOG_PAGE
        self.given = 0
        self.is_cap = False

    @property
    def limit(self) -> int:
        """The largest page that may be had."""
        return self.given if self.is_cap else self.most

    @property
    def is_measured(self) -> bool:
        """Whether nothing more is to be found out."""
        return self.given >= self.limit

    def record_refusal(self) -> None:
        """Take note that the service takes no pages of the size that was asked for, and takes the ordinary ones."""
        self.most = LOG_PAGE_SIZE


def page_from(read: int, want: int, most: int) -> tuple[int, int]:
    """Return number (from 1) and size of the page to read next.

    Of the pages that hold as many new lines as are wanted, it is the one with the fewest old ones. A size divides the
    lines read so far more often than not, nearly at least, so hardly a line comes twice.

    Args:
        read: number of lines read so far.
        want: new lines wanted, from 1 to ``most``.
        most: lines on the largest page.
    """

    def cost(size: int) -> tuple[int, int]:
        again = read % size
        return max(0, want - (size - again)), again

    size = min(range(want, min(2 * want, most) + 1), key=cost)
    return read // size + 1, size
