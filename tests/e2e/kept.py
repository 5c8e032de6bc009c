"""A connection of a device that is kept and asks nothing: kept.py HOST:PORT
CERTIFICATE KEY END AHEAD. It is to end when its CA does, at END by the server's
clock, which is AHEAD of ours by so many seconds."""
import socket
import ssl
import sys
import time

SLACK = 15  # seconds: the server looks each second, on a busy machine later


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    end = int(sys.argv[4]) - int(sys.argv[5])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Its own certificate is of that day, not of ours.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    plain = socket.create_connection((host, int(port)), timeout=20)
    kept = context.wrap_socket(plain)
    # Its own end has come long ago: it may only be renewed, by a better wish.
    kept.sendall(b"POST /v1/renew HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 b"Content-Type: application/json\r\n"
                 b"Content-Length: 2\r\n\r\n{}")
    head = kept.recv(16384)
    if not head.startswith(b"HTTP/1.1 400"):
        sys.exit("before the end it is refused: %r" % head[:80])
    began = time.time()
    kept.settimeout(end + SLACK - began)
    try:
        while kept.recv(16384):
            pass
    except ssl.SSLError:
        pass  # cut without a farewell
    except ConnectionResetError:
        pass
    except socket.timeout:
        sys.exit("it was kept past the end of its CA")
    now = time.time()
    if now < end:
        sys.exit("it was closed %.1f s before the end" % (end - now))
    print("ended in time, %.1f s after" % (now - end))


main()
