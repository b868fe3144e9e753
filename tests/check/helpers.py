# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The BPF programs only look: every helper that the built objects call is one that changes nothing but synfate's own maps, and
every function of the kernel one that changes nothing. Reads the objects' instructions; loads nothing, and needs no root.

helpers.py OBJECT.bpf.o..."""

import struct
import sys

# By their numbers in the kernel's interface, which never change (__BPF_FUNC_MAPPER in include/uapi/linux/bpf.h). What is not here takes a
# review: 9 bpf_skb_store_bytes, 13 bpf_clone_redirect, 23 bpf_redirect, 36 bpf_probe_write_user, 58 bpf_override_return,
# 109 bpf_send_signal and their kind never get in; 4 and its kin read memory of user space or the payload of a packet.
ALLOWED = {
    1: "bpf_map_lookup_elem",
    2: "bpf_map_update_elem",
    3: "bpf_map_delete_elem",
    5: "bpf_ktime_get_ns",
    8: "bpf_get_smp_processor_id",
    14: "bpf_get_current_pid_tgid",
    16: "bpf_get_current_comm",
    35: "bpf_get_current_task",
    80: "bpf_get_current_cgroup_id",
    113: "bpf_probe_read_kernel",
    115: "bpf_probe_read_kernel_str",
    123: "bpf_get_current_ancestor_cgroup_id",
    130: "bpf_ringbuf_output",
    131: "bpf_ringbuf_reserve",
    132: "bpf_ringbuf_submit",
    133: "bpf_ringbuf_discard",
    164: "bpf_for_each_map_elem",
    165: "bpf_snprintf",
    181: "bpf_loop",
}
# Casts, of the verifier's own: nothing runs.
ALLOWED_FUNCTIONS = {"bpf_cast_to_kern_ctx", "bpf_rdonly_cast"}
CALL, INSTRUCTION = 0x85, struct.Struct("<BBhi")
TO_SUBPROGRAM, TO_KERNEL_FUNCTION = 1, 2
SHF_EXECINSTR, SHT_PROGBITS, SHT_REL, SHN_UNDEF = 4, 1, 9, 0


class Elf:
    """A 64-bit little-endian ELF file."""

    def __init__(self, data):
        if data[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", data, 18)[0] != 247:
            raise ValueError("it is not a BPF object")
        table, size, count, self.names = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HHH", data, 58)
        self.data = data
        # name, type, flags, address, offset, size, link, info
        self.sections = [struct.unpack_from("<IIQQQQII", data, table + size * i) for i in range(count)]

    def text(self, table, at):
        begin = self.sections[table][4] + at
        return self.data[begin : self.data.index(b"\0", begin)].decode()

    def code(self):
        """(name, bytes, {offset: symbol} where it names what is not in the file) of each section with instructions."""
        for number, (name, kind, flags, _, offset, length, _, _) in enumerate(self.sections):
            if kind == SHT_PROGBITS and flags & SHF_EXECINSTR and length:
                yield self.text(self.names, name), self.data[offset : offset + length], self.undefined_in(number)

    def undefined_in(self, number):
        symbols = {}
        for _, kind, _, _, offset, length, link, target in self.sections:
            if kind == SHT_REL and target == number:
                strings, base = self.sections[link][6], self.sections[link][4]
                for at in range(offset, offset + length, 16):
                    where, info = struct.unpack_from("<QQ", self.data, at)
                    name, _, _, section = struct.unpack_from("<IBBH", self.data, base + (info >> 32) * 24)
                    if section == SHN_UNDEF:
                        symbols[where] = self.text(strings, name)
        return symbols


def calls(code):
    """(offset, source register, number) of each call."""
    for at in range(0, len(code), INSTRUCTION.size):
        operation, registers, _, number = INSTRUCTION.unpack_from(code, at)
        if operation == CALL:
            yield at, registers >> 4, number


def refused(elf):
    """What is called that is not allowed, in words; and how many helpers are called at all."""
    wrong, count = [], 0
    for section, code, symbols in Elf(elf).code():
        for at, source, number in calls(code):
            # Until it is loaded it looks like a function of the file's own.
            if source == TO_KERNEL_FUNCTION or at in symbols:
                if symbols.get(at) not in ALLOWED_FUNCTIONS:
                    wrong.append(f"{section}: {symbols.get(at)} of the kernel is called, which is not in the list of functions that change nothing")
            elif source != TO_SUBPROGRAM:
                count += 1
                if number not in ALLOWED:
                    wrong.append(f"{section}: helper {number} is called, which is not in the list of those that only look")
    return wrong, count


def self_test():
    """A list that refuses nothing would pass everything."""
    assert list(calls(INSTRUCTION.pack(CALL, 0, 0, 36) + INSTRUCTION.pack(0x95, 0, 0, 0))) == [(0, 0, 36)]
    for number in (4, 6, 9, 11, 13, 23, 26, 36, 45, 58, 109, 112, 117, 152):
        assert number not in ALLOWED, number


def main(paths):
    self_test()
    assert paths, "no object is named"
    failed = False
    for path in paths:
        with open(path, "rb") as file:
            wrong, count = refused(file.read())
        for line in sorted(set(wrong)):
            print(f"{path}: {line}")
        assert count, f"{path}: no helper is called at all, so this shows nothing"
        print(f"{'FAIL' if wrong else 'ok'}    {path}: {count} calls of helpers")
        failed |= bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
