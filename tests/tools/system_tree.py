#!/usr/bin/env python3
"""Trees as a root file system has them, and what a tree is, as text.

system_tree.py make FOLDER N    a tree of everything; N changes some of it
system_tree.py list FOLDER      one line for each entry with all attributes

Needs root. The list is what two trees are compared by: it knows nothing of how
the programs see a tree."""
import hashlib
import os
import stat
import struct
import sys

NS = 1_234_567_890_123_456_789
# cap_net_raw+ep, as setcap writes it; and an ACL: user 1000 may read.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, perm, ident)
    for tag, perm, ident in [(1, 6, 0xFFFFFFFF), (2, 4, 1000),
                             (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF),
                             (32, 0, 0xFFFFFFFF)])
LABEL = b"system_u:object_r:bin_t:s0\0"
LONG = "\u00fc" * 126 + "end"  # 255 bytes of UTF-8


def put(path, content, mode=0o644):
    with open(path, "wb") as f:
        f.write(content)
    os.chmod(path, mode)


def attribute(path, name, value):
    os.setxattr(path, name, value, follow_symlinks=False)


def make(top, n):
    os.umask(0)
    for name in ["bin", "dev", "etc", "lib", "tmp", "var/deep/" + LONG]:
        os.makedirs(f"{top}/{name}")
    os.chmod(f"{top}/tmp", 0o1777)
    os.chmod(f"{top}/var", 0o2775)
    put(f"{top}/bin/su", b"su %d" % n, 0o4755)
    put(f"{top}/bin/wall", b"wall", 0o2755)
    put(f"{top}/bin/ping", b"ping" * 1000, 0o755)
    attribute(f"{top}/bin/ping", "security.capability", CAPABILITY)
    attribute(f"{top}/bin/su", "security.selinux", LABEL)
    put(f"{top}/etc/shadow", b"root:*:%d" % n, 0o640)
    attribute(f"{top}/etc/shadow", "system.posix_acl_access", ACL)
    put(f"{top}/etc/kept", b"kept")
    attribute(f"{top}/etc/kept", "trusted.note", bytes(range(n, 200)))
    attribute(f"{top}/etc", "system.posix_acl_default", ACL)
    put(f"{top}/etc/passwd", b"root:x:0:0\n" * 500)
    os.link(f"{top}/etc/passwd", f"{top}/etc/passwd-")
    os.link(f"{top}/etc/passwd", f"{top}/lib/third name")
    # Where a link leads is data, wherever that is.
    os.symlink("/etc/passwd", f"{top}/etc/absolute")
    os.symlink("../../../../etc/shadow", f"{top}/lib/upwards")
    os.symlink("nowhere", f"{top}/lib/dangling")
    attribute(f"{top}/lib/dangling", "security.selinux", LABEL)
    put(f"{top}/lib/{LONG}", b"long name")
    put(f"{top}/var/deep/{LONG}/{LONG}", b"long names")
    with open(f"{top}/var/sparse", "wb") as f:
        f.seek(5 << 20)
        f.write(b"middle %d" % n)
        f.truncate(16 << 20)
    put(f"{top}/lib/data", b"".join(b"%d," % i for i in range(100000)) +
        b"of %d" % n)
    put(f"{top}/lib/empty", b"")
    os.mknod(f"{top}/dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(f"{top}/dev/disk", 0o660 | stat.S_IFBLK, os.makedev(8, n))
    os.mkfifo(f"{top}/dev/fifo", 0o622)
    os.chown(f"{top}/etc/shadow", 0, 42)
    os.chown(f"{top}/lib/dangling", 1000, 1001, follow_symlinks=False)
    os.chown(f"{top}/dev/disk", 0, 6)
    os.chown(f"{top}/var/deep", 65534, 70000)
    for folder, folders, files in os.walk(top, topdown=False):
        for i, name in enumerate(sorted(folders + files) + ["."]):
            os.utime(f"{folder}/{name}", ns=(0, NS + i),
                     follow_symlinks=False)


def describe(path, names):
    st = os.lstat(path)
    words = [stat.filemode(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns]
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        value = os.getxattr(path, name, follow_symlinks=False)
        words += [f"{name}={value.hex()}"]
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        # Which names are one file, and whether there are holes in it.
        words += [st.st_size, digest, "links=%d" % st.st_nlink,
                  "same=" + names.setdefault(st.st_ino, path),
                  "holes" if st.st_blocks * 512 + 65536 < st.st_size else ""]
    elif stat.S_ISLNK(st.st_mode):
        words += [os.readlink(path)]
    elif not stat.S_ISDIR(st.st_mode):
        words += [os.major(st.st_rdev), os.minor(st.st_rdev)]
    return " ".join(str(w) for w in words)


def show(top):
    os.chdir(top)
    names = {}
    for folder, folders, files in os.walk("."):
        folders.sort()
        for name in ["."] + sorted(folders + files):
            path = os.path.normpath(f"{folder}/{name}")
            if name == "." or not (stat.S_ISDIR(os.lstat(path).st_mode)):
                print(path, describe(path, names))


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    show(sys.argv[2])
