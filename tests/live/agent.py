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


def listen(address, port, backlog, device=""):
    """Accepts everything and greets: an attempt that succeeds has carried data, so it is not one that closed early. `device`: the only one."""
    server = socket.socket(family_of(address), socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if server.family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if device:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
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


def full_listener(address, port, backlog, connections):
    """Never accepts; so many connections are in its accept queue before it says that it is ready, and one more for each line on stdin."""
    server = socket.socket(family_of(address), socket.SOCK_STREAM)
    server.bind((address, port))
    server.listen(backlog)
    # The client may be told first: only the depth of the listener's own queue (tcpi_unacked) says that the connection is in it.
    layout = "8x5I"
    waiting = []
    while True:
        while len(waiting) < connections:
            waiting.append(socket.create_connection((address, port), 5))
            while struct.unpack(layout, server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, struct.calcsize(layout)))[4] < len(waiting):
                pass
        say(ready=True, sport=waiting[-1].getsockname()[1] if waiting else 0)
        if not os.read(0, 1):
            return
        connections += 1


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


def give_up(address, port, syncnt, user_timeout_ms):
    """A connect() that ends when the kernel ends it; options of 0 are not set."""
    client = socket.socket(family_of(address), socket.SOCK_STREAM)
    if syncnt:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, syncnt)
    if user_timeout_ms:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)
    begin = time.monotonic()
    error = client.connect_ex((address, port))
    say(errno=error, elapsed=time.monotonic() - begin)
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


def linger(address, port, text=""):
    """A client that waits for what its server says, as long as the server likes; first it may ask."""
    try:
        client = socket.create_connection((address, port), 5)
        say(connected=True)
        client.sendall(text.encode())
        ended = client.recv(4096) == b""
    except ConnectionError:
        # Its RST may come before connect() has returned.
        ended = True
    say(ended=ended)
    os.read(0, 1)


def health(address, port, how):
    """A health check: connects, and ends that by itself."""
    client = socket.create_connection((address, port), 5)
    if how == "rst":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    say(closed=True)


def meet(address, port, sport):
    """A connection that its server ends first, to its very end; reports the sequence number that it came to."""
    repair, queue, sequence, send_queue, no_probe = 19, 20, 21, 2, -1  # TCP_REPAIR...
    client = socket.socket(family_of(address), socket.SOCK_STREAM)
    client.bind(("", sport))
    client.connect((address, port))
    client.recv(1)
    client.setsockopt(socket.IPPROTO_TCP, repair, 1)
    client.setsockopt(socket.IPPROTO_TCP, queue, send_queue)
    reached = client.getsockopt(socket.IPPROTO_TCP, sequence) & 0xFFFFFFFF
    client.setsockopt(socket.IPPROTO_TCP, repair, no_probe)
    client.close()
    say(reached=reached)


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


def damaged(packet, what):
    """That packet with one thing wrong: `ip` or `tcp` checksum, or made `long` by 1300 bytes of data."""
    version, header = packet[0] >> 4, 20 if packet[0] >> 4 == 4 else 40
    if what == "ip":
        return packet[:10] + bytes(byte ^ 0xFF for byte in packet[10:12]) + packet[12:]
    if what == "tcp":
        at = header + 16
        return packet[:at] + bytes(byte ^ 0xFF for byte in packet[at : at + 2]) + packet[at + 2 :]
    assert what == "long", what
    segment = packet[header : header + 16] + b"\0\0" + packet[header + 18 :] + bytes(1300)
    source, destination = (packet[12:16], packet[16:20]) if version == 4 else (packet[8:24], packet[24:40])
    total = checksum(pseudo_header(version, source, destination, socket.IPPROTO_TCP, len(segment)) + segment)
    segment = segment[:16] + struct.pack("!H", total) + segment[18:]
    if version == 6:
        return packet[:4] + struct.pack("!H", len(segment)) + packet[6:header] + segment
    # Don't fragment.
    start = packet[:2] + struct.pack("!HHH", 20 + len(segment), 0, 0x4000) + packet[8:10] + b"\0\0" + packet[12:20]
    return start[:10] + struct.pack("!H", checksum(start)) + start[12:] + segment


def frames(device, mac, what, source, destination, flows):
    """As `syns`, past the IP layer, which would mend what is `damaged`: through a packet socket, to that MAC address."""
    version = 6 if ":" in source else 4
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    to = (device, 0x86DD if version == 6 else 0x0800, 0, 0, bytes.fromhex(mac.replace(":", "")))
    packets = []
    for flow in flows:
        sport, dport, isn = map(int, flow.split(":"))
        packets.append(damaged(syn(source, sport, destination, dport, isn), what))
    say(ready=True)
    for _ in sys.stdin:
        for packet in packets:
            try:
                sender.sendto(packet, to)
            except OSError:
                # A device that discards it may say so: no concern of a sender's that wants it discarded.
                pass
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


def bystander(address, dropped, answered):
    """Until a line comes on stdin: each tenth of a second a connect() to a port that drops, given up at the next turn, and one to a port
    that answers."""
    failing, answers, waiting = [], 0, None
    say(ready=True)
    while True:
        over = select.select([0], [], [], 0.1)[0]
        if waiting:
            waiting.close()
        if over:
            break
        waiting = socket.socket(family_of(address), socket.SOCK_STREAM)
        waiting.setblocking(False)
        waiting.connect_ex((address, dropped))
        failing.append(waiting.getsockname()[1])
        client = socket.create_connection((address, answered), 5)
        answers += client.recv(len(GREETING)) == GREETING
        client.close()
    say(failing=failing, answers=answers)
    os.read(0, 1)


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
    if mode in ("icmp", "icmp-port"):
        kind, code, number = (3, 1, socket.IPPROTO_ICMP) if version == 4 else (1, 3, socket.IPPROTO_ICMPV6)
        code = code if mode == "icmp" else code + (2 if version == 4 else 1)
        message = struct.pack("!BBHI", kind, code, 0, 0) + packet[: header_bytes + 20]
        covered = message if version == 4 else pseudo_header(version, destination, source, number, len(message)) + message
        message = message[:2] + struct.pack("!H", checksum(covered)) + message[4:]
        return ip_packet(version, destination, source, number, message)
    return None


def tun(name, mode):
    """The world beyond this node: reads what leaves by the tun device and stays silent, or answers as `mode` says."""
    tunsetiff, iff_tun, iff_tap, iff_no_pi = 0x400454CA, 0x0001, 0x0002, 0x1000
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, tunsetiff, struct.pack("16sH22x", name.encode(), (iff_tap if mode == "ethernet" else iff_tun) | iff_no_pi))
    say(ready=True)
    while True:
        readable = select.select([0, device], [], [])[0]
        if stdin_ended(readable):
            return
        if device in readable:
            frame = os.read(device, 65536)
            reply = None if mode == "ethernet" else answer(frame, mode)
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
        listen(rest[0], int(rest[1]), int(rest[2]), *rest[3:])
    elif job == "full-listener":
        full_listener(rest[0], int(rest[1]), int(rest[2]), int(rest[3]))
    elif job == "connect":
        connect(rest[0], int(rest[1]), float(rest[2]), int(rest[3]), rest[4])
    elif job == "give_up":
        give_up(rest[0], int(rest[1]), int(rest[2]), int(rest[3]))
    elif job == "hold":
        hold(rest[0], int(rest[1]), int(rest[2]))
    elif job == "linger":
        linger(rest[0], int(rest[1]), *rest[2:])
    elif job == "health":
        health(rest[0], int(rest[1]), rest[2])
    elif job == "meet":
        meet(rest[0], int(rest[1]), int(rest[2]))
    elif job == "tun":
        tun(rest[0], rest[1])
    elif job == "syns":
        syns(rest[0], rest[1], rest[2:])
    elif job == "frames":
        frames(*rest[:5], rest[5:])
    elif job == "answered_elsewhere":
        answered_elsewhere(rest[0], rest[1], int(rest[2]), int(rest[3]))
    elif job == "flood":
        flood(rest[0], rest[1], int(rest[2]), int(rest[3]))
    elif job == "bystander":
        bystander(rest[0], int(rest[1]), int(rest[2]))
    elif job == "gate":
        gate(rest[0], rest[1], rest[2:])
    elif job == "join":
        join(rest[0], rest[1:])
    else:
        sys.exit(f"agent: no such job: {job}")


if __name__ == "__main__":
    main(sys.argv[1:])
