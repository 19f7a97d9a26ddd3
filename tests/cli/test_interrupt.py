import signal
import subprocess
import sys


def test_control_c_while_training(tmp_path):
    command = [sys.executable, "-m", "gradtx", "train", "--steps", "100000", "--out", str(tmp_path)]
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
