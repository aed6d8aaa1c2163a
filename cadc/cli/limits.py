"""Limits of the process under which no command can work, found before libraries meet them."""

from cadc.errors import MachineTrouble

LEAST_ADDRESSES = 3 << 29
"""Bytes of address space without which torch and SciPy do not load; SciPy's OpenBLAS then tries for ever."""


def require_addresses() -> None:
    """Raise MachineTrouble if this process may use less address space (`ulimit -v`) than its libraries need."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESSES:
        raise MachineTrouble(
            f"this process is limited to {limit >> 20} MiB of addresses (ulimit -v); cadc needs at least "
            f"{LEAST_ADDRESSES >> 20} MiB for its libraries alone. Raise the limit."
        )
