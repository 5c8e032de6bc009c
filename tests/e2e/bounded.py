"""A program under bounds: what each of its processes may have in memory, and
what all of them may write to the disk, whatever they are fed.

Memory is bounded by the system: who needs more fails, with another status than
the case wants. What was written is counted by the system and said in `excess`;
on a file system that counts nothing (tmpfs) each file's length is bounded alone.
"""
import resource
import subprocess

# As 79-memory-cap.sh has it for the largest window.
DATA, STACK = 16 << 20, 1 << 20
BLOCK = 512


def written():
    """Bytes, by all children that were waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock * BLOCK


def run(argv, most, timeout=60):
    """As subprocess.run; `excess` says what was more than it should be."""
    def bound():
        for what, limit in ((resource.RLIMIT_DATA, DATA),
                            (resource.RLIMIT_STACK, STACK),
                            (resource.RLIMIT_FSIZE, most)):
            resource.setrlimit(what, (limit, limit))

    before = written()
    done = subprocess.run(argv, timeout=timeout, preexec_fn=bound,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wrote = written() - before
    done.excess = (None if wrote <= most else
                   "it wrote %d bytes, %d at most" % (wrote, most))
    return done
