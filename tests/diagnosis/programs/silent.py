"""A process that was to take part in an exchange, and never does."""

import time


def main():
    time.sleep(60)
