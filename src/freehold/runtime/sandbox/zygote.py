"""A zygote: an interpreter that has done the slow part of starting, and forks environments that run.

Run as a program by the node, under the interpreter that functions need (any Python from 3.9):

    python zygote.py CONTROL_FD

It reads one JSON document of settings from the control socket (SOCK_SEQPACKET), prepares, answers
{"ready": true} or {"failed": why}, and then forks an environment for each request. With namespaces it
first moves into a root of its own, in which there is nothing of the host but what is shown read-only;
environments inherit that root and add their code, their /tmp and their network.

An environment is two processes: a supervisor, first process of its pid namespace, which tells the node
what becomes of the other over a socket of its own and takes everything down at a word or when that
socket closes; and the runtime, which is unprivileged and runs the function.

Everything here runs single-threaded and uses the standard library alone.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import linux

PACKAGES = "/.packages"
MESSAGE_BYTES_MAX = 256 * 1024
# As in Lambda: sbx_user1051.
UID, GID = 993, 990


def main(control):
    message = control.recv(MESSAGE_BYTES_MAX)
    if not message:
        return
    settings = json.loads(message)
    namespaces = settings["namespaces"]
    if namespaces:
        try:
            enter_root(settings)
            if settings["rootless"]:
                enter_pid_namespace()
            try_namespaces()
        except OSError as error:
            # Half a sandbox is none: the node starts another zygote without.
            control.send(json.dumps({"failed": str(error)}).encode())
            return
    warm(settings)
    original = os.open("/proc/self/ns/pid", os.O_RDONLY) if namespaces else -1
    control.send(json.dumps({"ready": True}).encode())
    serve(control, settings, original)


def enter_root(settings):
    """Move this process into a root that holds only what environments may see."""
    if settings["rootless"]:
        uid, gid = os.getuid(), os.getgid()
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", "%d %d 1" % (UID, uid))
        write("/proc/self/gid_map", "%d %d 1" % (GID, gid))
    else:
        linux.unshare(linux.CLONE_NEWNS)
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
    root = settings["root"]
    linux.mount("tmpfs", root, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=1m")
    for directory in (
        "proc",
        "tmp",
        "dev",
        "etc",
        "opt",
        "var/task",
        "var/runtime",
        "run",
        PACKAGES[1:],
    ):
        os.makedirs(os.path.join(root, directory), 0o755, exist_ok=True)
    show_devices(root)
    for source, target in settings["show"]:
        show(source, root + target)
    for target, link in settings["links"]:
        os.makedirs(os.path.dirname(root + target), 0o755, exist_ok=True)
        os.symlink(link, root + target)
    for target, content in settings["files"].items():
        os.makedirs(os.path.dirname(root + target), 0o755, exist_ok=True)
        with open(root + target, "w") as file:
            file.write(content)
        os.chmod(root + target, 0o644)
    linux.mount(settings["packages"], root + PACKAGES, None, linux.MS_BIND)
    linux.mount("/proc", root + "/proc", None, linux.MS_BIND | linux.MS_REC)
    os.chmod(root, 0o755)
    linux.pivot_root(root)
    linux.mount(
        None,
        "/",
        None,
        linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV,
    )


def enter_pid_namespace():
    """Go on in a child in a pid namespace that is ours: only into such a one may we return later on."""
    linux.unshare(linux.CLONE_NEWPID)
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 70)
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)


def try_namespaces():
    """Find out now, and not at the first function, whether an environment's namespaces can be had."""
    original = os.open("/proc/self/ns/pid", os.O_RDONLY)
    linux.unshare(linux.CLONE_NEWPID)
    read, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            linux.unshare(
                linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
            )
            linux.loopback_up()
            linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        except OSError as error:
            os.write(write_end, str(error).encode())
        os._exit(0)
    os.close(write_end)
    linux.setns(original, linux.CLONE_NEWPID)
    os.close(original)
    os.waitpid(pid, 0)
    why = os.read(read, 4096)
    os.close(read)
    if why:
        raise OSError(0, why.decode())


def show_devices(root):
    for name in ("null", "zero", "full", "random", "urandom"):
        target = os.path.join(root, "dev", name)
        with open(target, "w"):
            pass
        linux.mount("/dev/" + name, target, None, linux.MS_BIND)
    os.symlink("/proc/self/fd", os.path.join(root, "dev/fd"))
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink("/proc/self/fd/%d" % number, os.path.join(root, "dev", name))


def show(source, target):
    """Show something of the host read-only; what is not there is not shown."""
    if not os.path.exists(source):
        return
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        if not os.path.exists(target):
            with open(target, "w"):
                pass
    linux.bind(source, target)


def warm(settings):
    """Import what functions usually need, so that every environment has it already."""
    sys.path[:0] = settings["python_path"]
    for name in settings["imports"]:
        try:
            __import__(name)
        except Exception as error:
            sys.stderr.write("zygote: cannot import %s: %s\n" % (name, error))
    gc.collect()
    gc.freeze()


def serve(control, settings, original):
    """Fork an environment for each request, and reap."""
    signal.signal(signal.SIGCHLD, lambda *_: None)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    # The file that freezes each environment, by its process; -1 where there is none.
    freezers = {}
    while True:
        for handle, _ in poll.poll():
            if handle == wake_read:
                os.read(wake_read, 4096)
                reap(freezers)
                continue
            try:
                message, handles, _, _ = socket.recv_fds(control, MESSAGE_BYTES_MAX, 16)
            except ConnectionResetError:
                message = b""
            if not message:
                end_all(freezers)
            wanted = json.loads(message)
            freezer = handles.pop() if wanted["freezer"] else -1
            mine = (control.fileno(), wake_read, wake_write, *freezers.values())
            pid = fork_environment(settings, wanted, handles, original, mine)
            freezers[pid] = freezer


def reap(freezers):
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        close(freezers.pop(pid))


def end_all(freezers):
    """The node is gone. Frozen processes of cgroup v1 do not even die before they are thawed."""
    for pid, freezer in freezers.items():
        os.kill(pid, signal.SIGKILL)
        if freezer >= 0:
            os.write(freezer, b"THAWED")
    os._exit(0)


def close(handle):
    if handle >= 0:
        os.close(handle)


def fork_environment(settings, wanted, handles, original, mine):
    namespaces = settings["namespaces"]
    if namespaces:
        # The next child is the first process of a new pid namespace; this one stays where it is.
        linux.unshare(linux.CLONE_NEWPID)
    pid = os.fork()
    if pid:
        if namespaces:
            linux.setns(original, linux.CLONE_NEWPID)
        for handle in handles:
            os.close(handle)
        return pid
    link = None
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for handle in mine:
            close(handle)
        link = socket.socket(fileno=handles[0])
        supervise(settings, wanted, link, handles[1], handles[2], handles[3:])
    except BaseException:
        try:
            if link is not None:
                link.send(json.dumps({"failed": traceback.format_exc()}).encode())
        finally:
            os._exit(70)


def supervise(settings, wanted, link, output, telemetry, cgroups):
    """The first process of an environment: sets it up, starts the runtime, and waits."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    for handle in cgroups:
        os.write(handle, b"0")
        os.close(handle)
    os.setsid()
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    if settings["namespaces"]:
        isolate(wanted, link)
    else:
        listen_outside(wanted, link)
    pid = os.fork()
    if pid == 0:
        link.close()
        start_runtime(settings, wanted, output, telemetry)
    os.close(output)
    os.close(telemetry)
    link.send(json.dumps({"started": pid}).encode())
    wait(settings, link, pid)


def isolate(wanted, link):
    """Enter namespaces of one's own, and open the sockets by which the platform is reached."""
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS)
    linux.sethostname("169-254-76-1")
    linux.loopback_up()
    ports = [9001, *wanted["ports"]]
    tell_listening(link, ports, [listening(port) for port in ports] + [answering(53)])
    wanted["environment"]["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9001"
    os.umask(0o022)
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    linux.bind(os.path.join(PACKAGES, wanted["code"]), "/var/task")
    if wanted["opt"]:
        linux.bind(os.path.join(PACKAGES, wanted["opt"]), "/opt")
    linux.umount(PACKAGES)
    size = "mode=1777,size=%dm,nr_inodes=%d" % (wanted["tmp_mb"], wanted["tmp_mb"] * 256)
    linux.mount("tmpfs", "/tmp", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, size)


def listening(port):
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("127.0.0.1", port))
    opened.listen(128)
    return opened


def answering(port):
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", port))
    return opened


def listen_outside(wanted, link):
    """Without namespaces: only the Runtime API, on a free port of the host's loopback."""
    opened = listening(0)
    port = opened.getsockname()[1]
    wanted["environment"]["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:%d" % port
    tell_listening(link, [port], [opened])


def tell_listening(link, ports, sockets):
    """Give the node this process to watch and the sockets to serve; they are the node's alone."""
    watch = os.pidfd_open(os.getpid())
    handles = [watch] + [opened.fileno() for opened in sockets]
    socket.send_fds(link, [json.dumps({"listening": ports}).encode()], handles)
    os.close(watch)
    for opened in sockets:
        opened.close()


def start_runtime(settings, wanted, output, telemetry):
    """The second process: unprivileged, then the function's runtime. Does not return."""
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    keep = 3
    os.dup2(telemetry, keep)
    os.set_inheritable(keep, True)
    os.closerange(keep + 1, 4096)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    environment = wanted["environment"]
    environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(keep)
    if settings["namespaces"]:
        confine(settings)
        os.chdir("/var/task")
    else:
        if "address_space" in wanted:
            resource.setrlimit(resource.RLIMIT_AS, (wanted["address_space"],) * 2)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        os.chdir(wanted["task_root"])
    os.setpgid(0, 0)
    command = wanted.get("command")
    if command:
        os.execve(command[0], command, environment)
    os.environ.clear()
    os.environ.update(environment)
    gc.unfreeze()
    import bootstrap

    bootstrap.run()
    os._exit(0)


def confine(settings):
    if not settings["rootless"]:
        os.setgroups([])
        os.setresgid(GID, GID, GID)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    if not settings["rootless"]:
        # The bounding set needs the capability that goes with the uid: first this, then that.
        for number in range(64):
            try:
                linux.prctl(linux.PR_CAPBSET_DROP, number)
            except OSError:
                break
        os.setresuid(UID, UID, UID)
    linux.drop_capabilities()
    # A process that changed its ids is not dumpable, and then /proc/self is root's.
    linux.prctl(linux.PR_SET_DUMPABLE, 1)
    linux.install_seccomp()


def wait(settings, link, runtime):
    """Reap what ends, tell of the runtime's end, take everything down at a word."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    poll = select.poll()
    poll.register(link, select.POLLIN)
    poll.register(wake_read, select.POLLIN)
    while True:
        ended = end_of(runtime)
        if ended is not None:
            link.send(json.dumps({"exited": ended}).encode())
            take_down(settings, runtime)
        for handle, _ in poll.poll():
            if handle == wake_read:
                os.read(wake_read, 4096)
            elif not link.recv(MESSAGE_BYTES_MAX):
                take_down(settings, runtime)
            else:
                take_down(settings, runtime)


def end_of(runtime):
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == runtime:
            found = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def take_down(settings, runtime):
    """End every process of the environment. In a pid namespace the end of its first does that; without
    one, orphans become this process's children, and are ended until there are none."""
    while not settings["namespaces"]:
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            children = [int(pid) for pid in file.read().split()]
        if not children:
            break
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    os._exit(0)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
