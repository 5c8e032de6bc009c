# SPDX-License-Identifier: Apache-2.0
# A person at a terminal: at_terminal.py TRANSCRIPT ANSWER... -- COMMAND...
# The command has a terminal of its own besides the standard streams that it is
# given. Each question ("(yes, ...) ") gets the next answer, the last one also
# all later ones; what the terminal showed is the transcript.
import os
import pty
import signal
import sys

split = sys.argv.index("--")
transcript, answers = sys.argv[1], sys.argv[2:split]
out, err = os.dup(1), os.dup(2)
child, terminal = pty.fork()
if child == 0:
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.execv(sys.argv[split + 1], sys.argv[split + 1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
seen = b""
with open(transcript, "wb", buffering=0) as kept:
    while True:
        try:
            got = os.read(terminal, 4096)
        except OSError:
            break
        if not got:
            break
        kept.write(got)
        seen += got
        if seen.endswith(b"minute) "):
            os.write(terminal, answers[0].encode() + b"\n")
            answers = answers[1:] or answers
            seen = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)
