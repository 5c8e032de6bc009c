"""Run a program under as many layers of Landlock as a kernel stacks, so that it
can add none: who locks itself up fails then, and who does not works.

    all_layers.py PROGRAM ARGUMENT...
"""
import ctypes
import os
import struct
import sys

LAYERS = 16
CREATE_RULESET, RESTRICT_SELF = 444, 446
NO_NEW_PRIVS = 38
MAKE_CHAR = 1 << 6  # to make devices: nothing of ours does

libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(CREATE_RULESET, None, 0, 1) < 1:
    sys.exit(77)
libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
for _ in range(LAYERS):
    ruleset = libc.syscall(CREATE_RULESET, struct.pack("Q", MAKE_CHAR), 8, 0)
    if ruleset < 0 or libc.syscall(RESTRICT_SELF, ruleset, 0):
        sys.exit("landlock: %s" % os.strerror(ctypes.get_errno()))
    os.close(ruleset)
os.execv(sys.argv[1], sys.argv[1:])
