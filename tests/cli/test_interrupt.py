import signal
import subprocess
import sys

import pytest

# A shell starts what runs in its background deaf to control-C, and with it all that such a process starts.
RUN = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("gradtx", run_name="__main__", alter_sys=True)
"""


@pytest.mark.exhaustive
def test_control_c_while_training(tmp_path):
    command = [sys.executable, "-c", RUN, "train", "--steps", "100000", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert any(line.startswith("step 1/100000: loss 4.6") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait() == 130
    finally:
        process.kill()
        process.stderr.close()
    assert rest.startswith("gradtx train: interrupted after ")
    assert rest.count("\n") == 1
    assert (tmp_path / "gradtx-train.png").read_bytes().startswith(b"\x89PNG")
