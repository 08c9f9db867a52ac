"""One graph of a dashboard, and the shapes that its queries have."""

from dataclasses import dataclass

SELECT = 'job=~"$job",instance=~"$instance"'


@dataclass(frozen=True)
class Panel:
    """One graph; its number is what alerts link to."""

    number: int
    title: str
    unit: str
    about: str
    queries: dict[str, str]  # Legend → PromQL; SELECT stands for the variables.
    stat: bool = False


def rate(metric: str, *by: str, more: str = "") -> str:
    """Per second, added up."""
    return f"sum by ({', '.join(by)}) (rate({metric}{{{SELECT}{more}}}[$__rate_interval]))"


def quantile(q: float, metric: str, more: str = "") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({q}, {rate(metric + '_bucket', 'le', more=more)})"


def largest(metric: str, *by: str, more: str = "") -> str:
    """Of the replicas; each shows the whole log."""
    return f"max by ({', '.join(by)}) ({metric}{{{SELECT}{more}}})"
