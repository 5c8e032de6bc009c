#!/usr/bin/env python3
"""A wire with faults between a device and a server, knowing nothing of what it
carries.

    wire.py PORT-FILE ORDERS COUNT TARGET-PORT

The port that it got is written to PORT-FILE. ORDERS is a file that may change
at any time; its words hold for what happens from then on:

    cut=N     reset each connection after N bytes towards the device
    slow=N    carry at most N bytes a second towards the device
    spoil=N   change the byte behind the first N towards the device, in each
              connection
    away      refuse: reset what is there and what comes
    hole      what is there goes dead, and what comes: open, and silent for good

How many bytes went towards the device stands in COUNT, and a point for each that
was spoilt in COUNT.spoilt.
"""
import os
import socket
import struct
import sys
import threading
import time

orders_file, count_file = sys.argv[2], sys.argv[3]
target = int(sys.argv[4])
total = 0
lock = threading.Lock()


def orders():
    try:
        with open(orders_file) as f:
            words = f.read().split()
    except OSError:
        words = []
    return dict((w.split('=') + [''])[:2] for w in words)


def count(n):
    global total
    with lock:
        total += n
        with open(count_file + '.new', 'w') as f:
            f.write(str(total))
        os.rename(count_file + '.new', count_file)


def reset(*connections):
    for c in connections:
        try:
            # Closed with this, a connection ends with a reset.
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack('ii', 1, 0))
        except OSError:
            pass  # the other direction was first
        c.close()


def spoil(data, at):
    if not 0 <= at < len(data):
        return data
    with open(count_file + '.spoilt', 'a') as f:
        f.write('.')
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def carry(a, b, towards_device):
    """From a to b until either ends, or an order ends it."""
    sent = 0
    try:
        while True:
            now = orders()
            if 'away' in now:
                break
            if 'hole' in now:
                time.sleep(300)
                break
            slow = int(now.get('slow', 0)) if towards_device else 0
            a.settimeout(0.1)
            try:
                data = a.recv(slow // 20 if slow else 32768)
            except socket.timeout:
                continue
            if not data:
                break
            if towards_device:
                limit = int(now.get('cut', 0))
                if limit and sent + len(data) >= limit:
                    data = data[:limit - sent]
                    b.sendall(data)
                    count(len(data))
                    break
                if 'spoil' in now:
                    data = spoil(data, int(now['spoil']) - sent)
                sent += len(data)
                count(len(data))
            b.sendall(data)
            if slow:
                time.sleep(0.05)
    except OSError:
        pass
    reset(a, b)


def serve(device):
    if 'away' in orders():
        return reset(device)
    try:
        server = socket.create_connection(('127.0.0.1', target))
    except OSError:
        return reset(device)
    for c in (device, server):
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for way in ((device, server, False), (server, device, True)):
        threading.Thread(target=carry, args=way, daemon=True).start()


listening = socket.create_server(('127.0.0.1', 0), backlog=64)
with open(sys.argv[1] + '.new', 'w') as f:
    f.write(str(listening.getsockname()[1]))
os.rename(sys.argv[1] + '.new', sys.argv[1])
while True:
    serve(listening.accept()[0])
