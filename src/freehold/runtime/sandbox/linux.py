"""Linux system calls that Python lacks: namespaces, mounts, capabilities, seccomp.

Runs inside zygotes, under any Python from 3.9 and with the standard library alone.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_SET_MODE_FILTER = 1

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_CAP_LAST = 63


def _check(result, what):
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, "%s: %s" % (what, os.strerror(code)))
    return result


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(handle, kind):
    _check(_libc.setns(handle, kind), "setns")


def mount(source, target, kind=None, flags=0, options=None):
    encode = os.fsencode
    _check(
        _libc.mount(
            encode(source) if source else None,
            encode(target),
            encode(kind) if kind else None,
            ctypes.c_ulong(flags),
            encode(options) if options else None,
        ),
        "mount %s on %s" % (source, target),
    )


def bind(source, target, read_only=True, no_exec=False):
    """Show a directory or file in another place."""
    mount(source, target, None, MS_BIND | MS_REC)
    if read_only:
        flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV
        mount(None, target, None, flags | (MS_NOEXEC if no_exec else 0) | _locked_flags(target))


def _locked_flags(path):
    """In a user namespace, flags that a mount came with may not be taken off when it is mounted again."""
    flags = os.statvfs(path).f_flag
    return flags & (MS_NOEXEC | 1024 | 2048 | (1 << 21))


def umount(target):
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), "umount %s" % target)


def pivot_root(new_root):
    """Make a directory (a mount point) the root, and let go of the old one."""
    os.chdir(new_root)
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    _check(_libc.syscall(number, b".", b"."), "pivot_root")
    umount(".")
    os.chdir("/")


def prctl(option, argument=0, second=0):
    _check(_libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(second), 0, 0), "prctl")


def sethostname(name):
    raw = name.encode()
    _check(_libc.sethostname(raw, len(raw)), "sethostname")


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def drop_capabilities():
    """Nothing that is run from here on can have a capability again."""
    for number in range(_CAP_LAST + 1):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno == errno.EINVAL:
                break
            if error.errno != errno.EPERM:
                raise
    try:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass

    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

    data = (ctypes.c_uint32 * 6)()
    header = Header(0x20080522, 0)
    number = {"x86_64": 126, "aarch64": 91}[os.uname().machine]
    _check(_libc.syscall(number, ctypes.byref(header), ctypes.byref(data)), "capset")


# -- seccomp --

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# What a function has no business with, by architecture: (x86_64, aarch64); None where there is none.
_DENIED = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "setns": (308, 268), "unshare": (272, 97), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "settimeofday": (170, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "personality": (135, 92), "lookup_dcookie": (212, 18), "vhangup": (153, 58),
    "fsopen": (430, 430), "fsmount": (432, 432), "move_mount": (429, 429), "open_tree": (428, 428),
    "fspick": (433, 433), "fsconfig": (431, 431), "mount_setattr": (442, 442),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "pidfd_getfd": (438, 438), "landlock_create_ruleset": (None, None),
}  # fmt: skip
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_NAMESPACES = (
    CLONE_NEWNS
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET
    | 0x02000000
)
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_EPERM, _ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def seccomp_filter():
    """The program, as (code, true, false, operand): refuse the denied calls, allow all others.

    clone may not make namespaces; clone3, whose flags a filter cannot see, does not exist, upon which C
    libraries use clone. Calls of another architecture kill.
    """
    machine = os.uname().machine
    index = 0 if machine == "x86_64" else 1
    program = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQ, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":
        # The x32 calls: the same, from a table of their own.
        program += [(_JUMP_GE, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    for numbers in _DENIED.values():
        if numbers[index] is not None:
            program += [(_JUMP_EQ, 0, 1, numbers[index]), (_RETURN, 0, 0, _EPERM)]
    program += [(_JUMP_EQ, 0, 1, _CLONE3), (_RETURN, 0, 0, _ENOSYS)]
    program += [
        (_JUMP_EQ, 0, 3, _CLONE[machine]),
        (_LOAD, 0, 0, 16),
        (_JUMP_SET, 0, 1, _NAMESPACES),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return program


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]


def install_seccomp():
    raw = b"".join(struct.pack("HBBI", *step) for step in seccomp_filter())
    buffer = ctypes.create_string_buffer(raw)
    program = _Filter(len(raw) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    number = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
    _check(_libc.syscall(number, SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(program)), "seccomp")
