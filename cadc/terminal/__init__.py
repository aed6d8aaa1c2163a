"""Progress bars, and interrupts such as Ctrl-C."""
