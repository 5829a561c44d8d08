"""Sends DHCP messages from the client's port of one interface and prints what comes back.

Usage: dhcp_exchange.py INTERFACE 4|6. Each line of standard input is a message in hexadecimal; for each, one line of output is
the first answer with its transaction id, or "none" after 20 s. It asks again every half second, as machines do.
"""
import socket
import sys
import time

v6 = sys.argv[2] == "6"
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
s.bind(("::", 546) if v6 else ("0.0.0.0", 68))
s.settimeout(0.5)
to = ("ff02::1:2", 547, 0, socket.if_nametoindex(sys.argv[1])) if v6 else ("255.255.255.255", 67)
transaction = slice(1, 4) if v6 else slice(4, 8)


def answer(message):
    for _ in range(40):
        try:
            s.sendto(message, to)
            while True:
                got = s.recv(4096)
                if got[transaction] == message[transaction]:
                    return got.hex()
        except socket.timeout:
            pass
        except OSError:  # The interface has no address yet.
            time.sleep(0.5)
    return "none"


while True:
    line = sys.stdin.readline()
    if not line:
        break
    print(answer(bytes.fromhex(line.strip())), flush=True)
