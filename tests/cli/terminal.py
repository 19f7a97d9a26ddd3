"""Runs a command in a pseudo terminal."""

import os
import pty
import sys
import threading

from gradtx.cli import main


def shown(monkeypatch, argv, architecture=None):
    """The exit code of a command, and all that its terminal of 80 columns shows."""
    controller, terminal = pty.openpty()
    parts = []

    def read():
        try:
            while part := os.read(controller, 4096):
                parts.append(part)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with open(terminal, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        assert stream.isatty()
        try:
            code = main(argv, architecture)
        except SystemExit as stopped:
            code = stopped.code
    reader.join()
    os.close(controller)
    return code, b"".join(parts).decode().replace("\r\n", "\n")
