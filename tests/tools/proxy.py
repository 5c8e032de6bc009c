"""An HTTP proxy that connects (CONNECT), in one of several moods.

    proxy.py MOOD LOG [CERTIFICATE KEY]

open       connects whom it is asked to
password   only who says sesame:"open up" (407 else)
closed     says 403 to everybody
opener     answers in the server's place, with this certificate

Its port is the first line that it prints; each request's line goes to LOG.
"""
import base64
import socket
import ssl
import sys
import threading

MOOD, LOG = sys.argv[1:3]
PASSWORD = b"Basic " + base64.b64encode(b"sesame:open up")


def copy(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
    except OSError:
        pass
    for s in (source, to):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def head_of(client):
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 65536:
        data = client.recv(4096)
        if not data:
            break
        head += data
    return head


def serve(client):
    head = head_of(client)
    line = head.split(b"\r\n")[0].decode("latin-1")
    with open(LOG, "a") as f:
        f.write(line + "\n")
    verb, host, _ = line.split(" ")
    if verb != "CONNECT" or MOOD == "closed":
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    elif MOOD == "password" and PASSWORD not in head:
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                       b"Proxy-Authenticate: Basic realm=\"x\"\r\n"
                       b"Content-Length: 0\r\n\r\n")
    elif MOOD == "opener":
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[3:5])
        client = context.wrap_socket(client, server_side=True)
        head_of(client)
    else:
        name, port = host.rsplit(":", 1)
        server = socket.create_connection((name, int(port)), 10)
        client.sendall(b"HTTP/1.1 200 Connected\r\nX-Proxy: here\r\n\r\n")
        threading.Thread(target=copy, args=(server, client),
                         daemon=True).start()
        copy(client, server)
    client.close()


def quietly(client):
    try:
        serve(client)
    except (OSError, ValueError):
        client.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=quietly, args=(client,), daemon=True).start()


main()
