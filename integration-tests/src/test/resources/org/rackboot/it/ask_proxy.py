"""Asks for something to boot as firmware does, by a broadcast on one interface, and prints each answer as a line.

ask_proxy.py INTERFACE MAC ARCHITECTURE [REQUEST SERVER]     REQUEST: ask SERVER's port 4011, from port 4011

Written from RFC 2131, 2132 and 4578 with standard Python alone.
"""

import socket
import struct
import sys
import time


def option(code, value):
    return bytes([code, len(value)]) + value


def options(packet):
    found, at = {}, 240
    while at < len(packet) and packet[at] != 255:
        if packet[at] == 0:
            at += 1
            continue
        code, length = packet[at], packet[at + 1]
        found[code] = found.get(code, b"") + packet[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def text(value):
    return value.split(b"\0")[0].decode("latin-1") or "-"


interface, mac, architecture = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), int(sys.argv[3])
server = sys.argv[5] if len(sys.argv) > 5 else None
kind = b"HTTPClient" if architecture in (15, 16, 19) else b"PXEClient"
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
asker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
asker.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
asker.bind(("0.0.0.0", 4011 if server else 68))
own = b"\0\0\0\0"
if server:
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect((server, 9))
    own = socket.inet_aton(probe.getsockname()[0])
packet = struct.pack("!BBBBIHH4s4s4s4s16s64s128s", 1, 1, 6, 0, 0x2A, 0, 0x8000, own, b"", b"", b"", mac, b"", b"")
packet += bytes.fromhex("63825363") + option(53, b"\3" if server else b"\1")
packet += option(57, struct.pack("!H", 1472)) + option(60, kind + b":Arch:%05d:UNDI:003000" % architecture)
packet += option(93, struct.pack("!H", architecture)) + option(97, b"\0" + b"\7" * 16) + b"\xff"
asker.sendto(packet, (server, 4011) if server else ("255.255.255.255", 67))

end = time.monotonic() + 2
while time.monotonic() < end:
    asker.settimeout(max(0.01, end - time.monotonic()))
    try:
        answer, sender = asker.recvfrom(2048)
    except socket.timeout:
        break
    said = options(answer)
    print(
        "from %s:%d type %d address %s next %s server %s class %s file %s option67 %s"
        % (
            sender[0],
            sender[1],
            said[53][0],
            socket.inet_ntoa(answer[16:20]),
            socket.inet_ntoa(answer[20:24]),
            socket.inet_ntoa(said[54]),
            text(said.get(60, b"")),
            text(answer[108:236]),
            text(said.get(67, b"")),
        )
    )
