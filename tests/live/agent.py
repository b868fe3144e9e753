# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What runs inside a lab's network namespace: a client, a server, or the world beyond a tun device. Started by lab.py, one job a process.

It reports in JSON lines on stdout and judges nothing; it goes when its stdin ends."""

import ctypes
import errno
import fcntl
import json
import os
import select
import socket
import struct
import sys
import time

GREETING = b"synfate\n"


def say(**fields):
    print(json.dumps(fields), flush=True)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def stdin_ended(readable):
    return 0 in readable and not os.read(0, 4096)


def listen(address, port, backlog):
    """Accepts everything and greets: an attempt that succeeds has carried data, so it is not one that closed early."""
    server = socket.socket(family_of(address), socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if server.family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((address, port))
    server.listen(backlog)
    say(ready=True)
    connections = []
    while True:
        readable = select.select([0, server] + connections, [], [])[0]
        if stdin_ended(readable):
            return
        for item in readable:
            if item is server:
                connection = server.accept()[0]
                connection.sendall(GREETING)
                connections.append(connection)
            elif item != 0:
                try:
                    ended = not item.recv(4096)
                except OSError:
                    ended = True
                if ended:
                    item.close()
                    connections.remove(item)


def full_listener(address, port):
    """Never accepts; its accept queue is full before it says that it is ready, and one more SYN finds no room."""
    server = socket.socket(family_of(address), socket.SOCK_STREAM)
    server.bind((address, port))
    server.listen(0)
    filler = socket.create_connection((address, port), 5)
    # The client may be told first: only the depth of the listener's own queue (tcpi_unacked) says that the connection is in it.
    layout = "8x5I"
    while struct.unpack(layout, server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, struct.calcsize(layout)))[4] == 0:
        pass
    say(ready=True, sport=filler.getsockname()[1])
    os.read(0, 1)


def connect(address, port, timeout, sport, source):
    client = socket.socket(family_of(address), socket.SOCK_STREAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sport or source:
        client.bind((source or ("::" if client.family == socket.AF_INET6 else "0.0.0.0"), sport))
    client.setblocking(False)
    begin = time.monotonic()
    error = client.connect_ex((address, port))
    local_port = client.getsockname()[1]
    if error == errno.EINPROGRESS:
        if select.select([], [client], [], timeout)[1]:
            error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        else:
            error = None
    elapsed = time.monotonic() - begin
    if error == 0:
        client.setblocking(True)
        client.settimeout(timeout)
        try:
            client.recv(len(GREETING))
        except OSError as refused:
            # An ICMP error wakes the waiting too, and may be told only by the next call (6.1).
            error = refused.errno
    say(errno=error, elapsed=elapsed, sport=local_port)
    client.close()


def hold(address, port, sport):
    """A connection that stays."""
    client = socket.socket(family_of(address), socket.SOCK_STREAM)
    client.bind(("", sport))
    client.settimeout(5)
    client.connect((address, port))
    client.recv(len(GREETING))
    say(ready=True)
    os.read(0, 1)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(version, source, destination, protocol, payload):
    if version == 4:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0, source, destination)
        return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, source, destination) + payload


def pseudo_header(version, source, destination, protocol, length):
    if version == 4:
        return source + destination + struct.pack("!BBH", 0, protocol, length)
    return source + destination + struct.pack("!IBBBB", length, 0, 0, 0, protocol)


def syn(source, sport, destination, dport, isn):
    """A SYN with one option, and with both checksums right."""
    return tcp(source, sport, destination, dport, isn, 0, 0x02)


def final_ack(source, sport, destination, dport, isn, server_isn):
    """What a client sends that has got its SYN-ACK."""
    return tcp(source, sport, destination, dport, isn + 1, server_isn + 1, 0x10)


def tcp(source, sport, destination, dport, sequence, acknowledged, flags):
    version = 6 if ":" in source else 4
    ends = tuple(socket.inet_pton(family_of(source), address) for address in (source, destination))
    segment = struct.pack("!HHIIBBHHHBBH", sport, dport, sequence, acknowledged, 6 << 4, flags, 64240, 0, 0, 2, 4, 1460)
    total = checksum(pseudo_header(version, *ends, socket.IPPROTO_TCP, len(segment)) + segment)
    return ip_packet(version, *ends, socket.IPPROTO_TCP, segment[:16] + struct.pack("!H", total) + segment[18:])


def syns(source, destination, flows):
    """A sender without sockets of its own, as scanners are: `flows` are SPORT:DPORT:ISN, sent once for each line on stdin."""
    sender = socket.socket(family_of(source), socket.SOCK_RAW, socket.IPPROTO_RAW)
    packets = []
    for flow in flows:
        sport, dport, isn = map(int, flow.split(":"))
        packets.append(syn(source, sport, destination, dport, isn))
    say(ready=True)
    for _ in sys.stdin:
        for packet in packets:
            sender.sendto(packet, (destination, 0))
        say(sent=len(packets))


def answered_elsewhere(source, destination, sport, dport):
    """A SYN and, as if the answer had come by another way, the ACK that completes the handshake; then a SYN that nobody answers."""
    sender = socket.socket(family_of(source), socket.SOCK_RAW, socket.IPPROTO_RAW)
    say(ready=True)
    sys.stdin.readline()
    sender.sendto(syn(source, sport, destination, dport, 777_000), (destination, 0))
    sender.sendto(final_ack(source, sport, destination, dport, 777_000, 888_000), (destination, 0))
    sender.sendto(syn(source, sport + 1, destination, dport, 999_000), (destination, 0))
    say(sent=3)
    sys.stdin.readline()


def flood(source, destination, dport, count):
    """That many SYNs with ISNs and ports of their own, once, when a line comes on stdin."""
    sender = socket.socket(family_of(source), socket.SOCK_RAW, socket.IPPROTO_RAW)
    packets = [syn(source, 10000 + number, destination, dport, 1_000_000 + number) for number in range(count)]
    say(ready=True)
    sys.stdin.readline()
    for packet in packets:
        sender.sendto(packet, (destination, 0))
    say(sent=count)
    sys.stdin.readline()


def answer(packet, mode):
    """What a far host answers to a SYN: bytes to write to the tun device, or None."""
    version = packet[0] >> 4
    header_bytes = (packet[0] & 15) * 4 if version == 4 else 40
    protocol = packet[9] if version == 4 else packet[6]
    source, destination = (packet[12:16], packet[16:20]) if version == 4 else (packet[8:24], packet[24:40])
    segment = packet[header_bytes:]
    if protocol != socket.IPPROTO_TCP or segment[13] & 0x12 != 0x02:
        return None
    if mode == "rst":
        sport, dport, sequence = struct.unpack("!HHI", segment[:8])
        reply = struct.pack("!HHIIBBHHH", dport, sport, 0, (sequence + 1) & 0xFFFFFFFF, 5 << 4, 0x14, 0, 0, 0)
        total = checksum(pseudo_header(version, destination, source, protocol, len(reply)) + reply)
        return ip_packet(version, destination, source, protocol, reply[:16] + struct.pack("!H", total) + reply[18:])
    if mode == "icmp":
        kind, code, number = (3, 1, socket.IPPROTO_ICMP) if version == 4 else (1, 3, socket.IPPROTO_ICMPV6)
        message = struct.pack("!BBHI", kind, code, 0, 0) + packet[: header_bytes + 20]
        covered = message if version == 4 else pseudo_header(version, destination, source, number, len(message)) + message
        message = message[:2] + struct.pack("!H", checksum(covered)) + message[4:]
        return ip_packet(version, destination, source, number, message)
    return None


def tun(name, mode):
    """The world beyond this node: reads what leaves by the tun device and stays silent, or answers as `mode` says."""
    tunsetiff, iff_tun, iff_no_pi = 0x400454CA, 0x0001, 0x1000
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, tunsetiff, struct.pack("16sH22x", name.encode(), iff_tun | iff_no_pi))
    say(ready=True)
    while True:
        readable = select.select([0, device], [], [])[0]
        if stdin_ended(readable):
            return
        if device in readable:
            reply = answer(os.read(device, 65536), mode)
            if reply:
                os.write(device, reply)


def gate(arrived, opened, then):
    """Says through one FIFO that it is here, and does `then` when the other says so."""
    with open(arrived, "w", encoding="ascii") as out:
        out.write("\n")
    with open(opened, encoding="ascii") as waited:
        waited.readline()
    main(then)


def join(path, then):
    """Enters another network namespace from inside a running program, then does `then`, as `ip netns exec` would."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY)
    if libc.setns(descriptor, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)
    main(then)


def main(arguments):
    job, rest = arguments[0], arguments[1:]
    if job == "listen":
        listen(rest[0], int(rest[1]), int(rest[2]))
    elif job == "full-listener":
        full_listener(rest[0], int(rest[1]))
    elif job == "connect":
        connect(rest[0], int(rest[1]), float(rest[2]), int(rest[3]), rest[4])
    elif job == "hold":
        hold(rest[0], int(rest[1]), int(rest[2]))
    elif job == "tun":
        tun(rest[0], rest[1])
    elif job == "syns":
        syns(rest[0], rest[1], rest[2:])
    elif job == "answered_elsewhere":
        answered_elsewhere(rest[0], rest[1], int(rest[2]), int(rest[3]))
    elif job == "flood":
        flood(rest[0], rest[1], int(rest[2]), int(rest[3]))
    elif job == "gate":
        gate(rest[0], rest[1], rest[2:])
    elif job == "join":
        join(rest[0], rest[1:])
    else:
        sys.exit(f"agent: no such job: {job}")


if __name__ == "__main__":
    main(sys.argv[1:])
