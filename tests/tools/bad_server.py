#!/usr/bin/env python3
"""A server that is broken in one way, for the tests of the device's side.

    bad_server.py PORT-FILE MODE [CERT KEY]         TLS (or not) and nonsense
    bad_server.py PORT-FILE cut:N HOST:PORT         a wire that breaks
    bad_server.py PORT-FILE flip:N HOST:PORT        a wire that changes a byte

The port that it got is written to PORT-FILE. cut:N ends each connection after
N bytes from the server behind it; flip:N changes that byte of each connection.
"""
import os
import socket
import ssl
import sys
import threading
import time


def answer(body, status='200 OK', extra=''):
    head = 'HTTP/1.1 %s\r\nContent-Type: application/json\r\n%s' \
        'Content-Length: %d\r\n\r\n' % (status, extra, len(body))
    return head.encode() + body


HTML = b'<html><body>Welcome to the hotel network, please log in.</body></html>'
DEEP = b'[' * 200000
OFFER = b'{"v":1,"action":"update","attempt":1,"release":"../../../etc",' \
    b'"digest":"' + b'0' * 64 + b'","reason":"","next_check_sec":60}'

WHOLE = {
    'error-500': answer(b'oops', '500 Internal Server Error'),
    'error-403': answer(b'{}', '403 Forbidden'),
    'error-404': answer(b'no such page', '404 Not Found'),
    'redirect': answer(b'', '302 Found', 'Location: http://127.0.0.1:1/\r\n'),
    'html': answer(HTML),
    'empty': answer(b''),
    'other-json': answer(b'{"hello":"world"}'),
    'null': answer(b'null'),
    'deep': answer(DEEP),
    'hostile-offer': answer(OFFER),
    'escapes': answer(b'{"v":1,"code":"refused","message":"\\u001b[2J\\nok"}',
                      '403 Forbidden'),
    'garbage': bytes(i * 7 % 256 for i in range(4000)),
    'old-http': b'HTTP/0.9 hello\r\n\r\n',
    'cut-short': answer(HTML)[:-10],
    'huge-length': answer(HTML).replace(b'Length: %d' % len(HTML),
                                        b'Length: 99999999999999'),
    'negative-length': answer(HTML).replace(b'Length: %d' % len(HTML),
                                            b'Length: -1'),
    'two-lengths': answer(HTML, extra='Content-Length: 3\r\n'),
    'zipped': answer(HTML, extra='Content-Encoding: gzip\r\n'),
}


def read_request(conn):
    """All of one request, so that closing does not reset it away."""
    got = b''
    while b'\r\n\r\n' not in got:
        part = conn.recv(65536)
        if not part:
            return
        got += part
    head, body = got.split(b'\r\n\r\n', 1)
    for line in head.split(b'\r\n'):
        if line.lower().startswith(b'content-length:'):
            left = int(line.split(b':')[1]) - len(body)
            while left > 0:
                left -= len(conn.recv(65536))


def endless(conn, head, piece):
    conn.sendall(head)
    while True:
        conn.sendall(piece)


def misbehave(conn, mode):
    if mode == 'closes':
        return
    read_request(conn)
    if mode in WHOLE:
        conn.sendall(WHOLE[mode])
    elif mode == 'endless-body':
        endless(conn, b'HTTP/1.1 200 OK\r\n\r\n', b'[' * 65536)
    elif mode == 'endless-chunks':
        endless(conn, b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
                b'4\r\n    \r\n' * 8000)
    elif mode == 'endless-header':
        endless(conn, b'HTTP/1.1 200 OK\r\n', b'X-More: and more\r\n' * 4000)
    elif mode == 'endless-line':
        endless(conn, b'HTTP/1.1 200 OK\r\nX-More: ', b'x' * 65536)
    elif mode == 'endless-continue':
        endless(conn, b'', b'HTTP/1.1 100 Continue\r\n\r\n' * 2000)
    elif mode == 'drips':
        for byte in answer(HTML):
            conn.sendall(bytes([byte]))
            time.sleep(1)
    else:
        sys.exit('unknown mode ' + mode)


def serve_one(conn, mode, context):
    try:
        if mode == 'black-hole':
            time.sleep(300)
        elif mode == 'plain':
            conn.sendall(WHOLE['html'])
            conn.shutdown(socket.SHUT_WR)
            conn.recv(65536)
        else:
            conn = context.wrap_socket(conn, server_side=True)
            misbehave(conn, mode)
            conn.unwrap()
    except (OSError, ValueError):
        pass
    finally:
        conn.close()


def pump(source, sink, edit):
    try:
        while True:
            data = source.recv(16384)
            if not data:
                break
            data = edit(data)
            sink.sendall(data)
            if not data:
                break
    except OSError:
        pass
    for s in (source, sink):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def wire(conn, mode, upstream):
    kind, at = mode.split(':')
    at = int(at)
    seen = 0

    def edit(data):
        nonlocal seen
        start, seen = seen, seen + len(data)
        if kind == 'cut' and seen > at:
            return data[:max(0, at - start)]
        if kind == 'flip' and start <= at < seen:
            data = bytearray(data)
            data[at - start] ^= 1
        return bytes(data)

    host, port = upstream.rsplit(':', 1)
    try:
        back = socket.create_connection((host, int(port)), 10)
    except OSError:
        conn.close()
        return
    threading.Thread(target=pump, args=(conn, back, bytes),
                     daemon=True).start()
    pump(back, conn, edit)


def main():
    port_file, mode = sys.argv[1:3]
    context = None
    if mode.split(':')[0] in ('cut', 'flip'):
        def handle(conn):
            wire(conn, mode, sys.argv[3])
    else:
        if mode not in ('plain', 'black-hole'):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[3], sys.argv[4])

        def handle(conn):
            serve_one(conn, mode, context)
    listener = socket.create_server(('127.0.0.1', 0))
    with open(port_file + '.new', 'w', encoding='ascii') as f:
        f.write('%d\n' % listener.getsockname()[1])
    os.rename(port_file + '.new', port_file)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=handle, args=(conn,), daemon=True).start()


main()
