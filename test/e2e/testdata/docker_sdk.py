"""Drives the engine with docker-py: docker_sdk.py <socket> <API version or auto> <docker-archive> <rootfs tar>.

Prints one JSON object: the name of each case, and "ok" or what went wrong.
"""
import json
import sys
import threading
import time
import traceback

import docker
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

SOCKET, VERSION, ARCHIVE, ROOTFS = sys.argv[1:5]
IMAGE = "busybox:latest"
client = docker.DockerClient(base_url=f"unix://{SOCKET}", version=VERSION, timeout=60)
api = client.api
cases = []


def case(function):
    cases.append(function)
    return function


def at_least(version):
    return docker.utils.version_gte(api._version, version)


def run(command, **options):
    return client.containers.run(IMAGE, command, network_mode="none", **options)


def sleeper(name, **options):
    return run(["sleep", "100000"], detach=True, name=name, **options)


def refused(status, action):
    try:
        action()
    except APIError as error:
        assert error.status_code == status, f"{error.status_code} instead of {status}: {error}"
        return error
    raise AssertionError(f"no error, but {status} was expected")


@case
def ping_version_info():
    assert client.ping() is True
    version = client.version()
    assert version["Os"] == "linux" and version["MinAPIVersion"] == "1.24", version
    info = client.info()
    assert info["OSType"] == "linux" and info["Containers"] == 0, info
    if VERSION == "auto":
        # A library that is newer than the engine takes the engine's version, an older one its own.
        assert docker.utils.version_lt(api._version, "1.51"), api._version


@case
def images_load():
    with open(ARCHIVE, "rb") as archive:
        loaded = client.images.load(archive)
    # One for each line that names a tag.
    assert [image.tags for image in loaded] == [["sdk:a", "sdk:b"]] * 2, [image.tags for image in loaded]
    assert client.images.get("sdk:b").id == loaded[0].id
    assert len(loaded[0].history()) == 1
    for tag in ("sdk:a", "sdk:b"):
        client.images.remove(tag)
    try:
        client.images.get("sdk:a")
    except ImageNotFound:
        return
    raise AssertionError("it is still there")


@case
def images_import():
    answer = api.import_image_from_file(ROOTFS, repository="imported", tag="1", changes=["ENV A=b"])
    assert '"status"' in answer, answer
    image = client.images.get("imported:1")
    assert image.attrs["Config"]["Env"] == ["A=b"], image.attrs["Config"]
    with open(ROOTFS, "rb") as tar:
        api.import_image_from_data(tar.read(), repository="imported", tag="2")
    assert client.images.get("imported:2").tag("imported", "3") is True
    names = {tag for image in client.images.list(name="imported") for tag in image.tags}
    assert names == {"imported:1", "imported:2", "imported:3"}, names
    for name in sorted(names):
        client.images.remove(name)
    assert client.images.list(name="imported") == []


@case
def run_and_wait_for_output():
    assert run(["echo", "hi"], remove=True) == b"hi\n"
    assert run("sh -c 'echo out; echo err >&2'", stdout=True, stderr=True, remove=True).count(b"\n") == 2
    lines = list(run(["seq", "3"], remove=True, stream=True))
    assert b"".join(lines) == b"1\n2\n3\n", lines
    try:
        run(["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    except ContainerError as error:
        assert (error.exit_status, error.stderr) == (3, b"bad\n"), error
    else:
        raise AssertionError("no ContainerError")
    assert client.containers.list(all=True) == []


@case
def run_detached():
    container = run(["sh", "-c", "echo hi; exit 7"], detach=True, labels={"a": "b"}, environment=["X=y"])
    assert container.wait(timeout=30)["StatusCode"] == 7
    container.reload()
    assert container.status == "exited" and container.labels == {"a": "b"}, container.attrs
    assert container.attrs["State"]["ExitCode"] == 7
    assert container.logs() == b"hi\n"
    assert container.image.id == client.images.get(IMAGE).id
    container.start()
    container.wait()
    assert container.logs() == b"hi\nhi\n"
    container.remove()
    assert refused(404, container.reload) is not None


@case
def errors():
    for action in (lambda: client.containers.get("nobody"), lambda: api.start("nobody")):
        try:
            action()
            raise AssertionError("no NotFound")
        except NotFound as error:
            assert "No such container: nobody" in error.explanation, error
    try:
        api.create_container("nothing:here", "true", host_config=api.create_host_config(network_mode="none"))
        raise AssertionError("no ImageNotFound")
    except ImageNotFound as error:
        assert "No such image: nothing:here" in error.explanation, error
    container = sleeper("taken")
    assert "is already in use" in refused(409, lambda: sleeper("taken")).explanation
    assert "executable file not found" in refused(400, lambda: run("nonexistent-program", name="broken")).explanation
    client.containers.get("broken").remove()
    container.remove(force=True)


@case
def exec_run():
    container = sleeper("executes")
    result = container.exec_run(["sh", "-c", "echo out; exit 5"])
    assert (result.exit_code, result.output) == (5, b"out\n"), result
    result = container.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
    assert result.output == (b"out\n", b"err\n"), result
    result = container.exec_run(["sh", "-c", "tty; echo $A; pwd; id -u"], tty=True, user="1000", environment={"A": "1"} if at_least("1.25") else None)
    assert result.output.startswith(b"/dev/pts/") and result.output.endswith(b"1000\r\n"), result
    result = container.exec_run(["seq", "1", "1000"], stream=True)
    assert b"".join(result.output) == b"".join(b"%d\n" % i for i in range(1, 1001))
    assert container.exec_run(["true"], detach=True).output in ("", b"")
    # docker-py reads the stream past its own buffer: nothing may come in one piece with the answer's head.
    for _ in range(50):
        assert container.exec_run(["echo", "quick"]).output == b"quick\n"
    created = api.exec_create(container.id, ["sh", "-c", "read x; echo got $x; exit 6"], stdin=True)
    sock = api.exec_start(created["Id"], socket=True)
    raw = getattr(sock, "_sock", sock)
    raw.sendall(b"word\n")
    assert read_frames(sock) == b"got word\n"
    raw.close()
    assert wait_for(lambda: not api.exec_inspect(created["Id"])["Running"])
    assert api.exec_inspect(created["Id"])["ExitCode"] == 6
    terminal = api.exec_create(container.id, ["sh", "-c", "read x; stty size"], stdin=True, tty=True)
    sock = api.exec_start(terminal["Id"], socket=True, tty=True)
    api.exec_resize(terminal["Id"], height=33, width=99)
    raw = getattr(sock, "_sock", sock)
    raw.sendall(b"\n")
    assert b"33 99" in read_to_end(raw)
    raw.close()
    container.remove(force=True)


def read_to_end(raw):
    parts = []
    while True:
        part = raw.recv(4096)
        if not part:
            return b"".join(parts)
        parts.append(part)


def read_frames(sock):
    return b"".join(data for _, data in docker.utils.socket.frames_iter(sock, tty=False))


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@case
def logs():
    container = run(["sh", "-c", "echo one; echo two >&2; read x; echo three"], detach=True, name="logs", stdin_open=True)
    stream = container.logs(stream=True, follow=True)
    seen = next(stream) + next(stream)
    assert sorted(seen.split()) == [b"one", b"two"], seen
    sock = container.attach_socket(params={"stdin": 1, "stream": 1})
    getattr(sock, "_sock", sock).sendall(b"\n")
    assert b"".join(stream) == b"three\n"
    sock.close()
    container.wait()
    assert container.logs(stdout=False) == b"two\n"
    assert container.logs(stderr=False, tail=1) == b"three\n"
    assert container.logs(stderr=False, tail=1, timestamps=True).split(b" ")[1] == b"three\n"
    assert container.logs(since=int(time.time()) + 1000) == b""
    container.remove()


@case
def attach():
    container = client.containers.create(IMAGE, ["sh", "-c", "read x; echo got $x; echo err >&2"], stdin_open=True, network_mode="none")
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    container.start()
    getattr(sock, "_sock", sock).sendall(b"word\n")
    frames = dict(docker.utils.socket.frames_iter(sock, tty=False))
    assert frames == {1: b"got word\n", 2: b"err\n"}, frames
    sock.close()
    assert container.attach(logs=True, stream=False) == b"got word\nerr\n"
    assert container.attach(logs=True, stream=False, demux=True) == (b"got word\n", b"err\n")
    container.remove()
    terminal = run(["sh", "-c", "read x; stty size"], detach=True, tty=True, stdin_open=True)
    terminal.resize(44, 111)
    sock = terminal.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    getattr(sock, "_sock", sock).sendall(b"\n")
    assert b"44 111" in read_to_end(getattr(sock, "_sock", sock))
    terminal.remove(force=True)


@case
def events():
    since = time.time()
    live = []
    stream = client.events(decode=True, filters={"container": "watched"})
    reader = threading.Thread(target=lambda: live.extend(stream), daemon=True)
    reader.start()
    run(["true"], name="watched", remove=True)
    wait_for(lambda: any(event["Action"] == "destroy" for event in live))
    stream.close()
    past = list(client.events(decode=True, since=int(since), until=int(time.time()) + 1, filters={"container": "watched", "type": "container"}))
    actions = [event["Action"] for event in past]
    assert actions == [event["Action"] for event in live], (actions, live)
    assert [action for action in actions if action != "attach"] == ["create", "start", "die", "destroy"], actions
    assert all(event["Type"] == "container" and event["status"] == event["Action"] for event in past), past[0]


@case
def lifecycle():
    container = sleeper("alive", mem_limit="64m", cap_drop=["ALL"], hostname="host", tmpfs={"/t": "size=1m"})
    table = container.top()
    assert [row[-1] for row in table["Processes"]] == ["sleep 100000"], table
    assert container.top(ps_args="aux")["Titles"][-1] == "COMMAND"
    container.rename("other")
    container.reload()
    assert container.name == "other", container.name
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    container.restart(timeout=0)
    container.kill(signal="SIGKILL")
    assert container.wait()["StatusCode"] == 137
    assert "is not running" in refused(409, container.kill).explanation
    container.start()
    container.stop(timeout=0)
    container.reload()
    assert container.status == "exited"
    assert container.attrs["HostConfig"]["Memory"] == 64 << 20
    container.start()
    assert refused(409, container.remove) is not None
    container.remove(force=True)


@case
def wait_conditions():
    if not at_least("1.30"):
        return
    container = client.containers.create(IMAGE, ["sh", "-c", "exit 4"], network_mode="none")
    results = []
    waiter = threading.Thread(target=lambda: results.append(container.wait(condition="next-exit")["StatusCode"]))
    waiter.start()
    # It is in place when its own answer has begun, which docker-py does not tell: started again until it is heard.
    while waiter.is_alive():
        container.start()
        container.wait()
        waiter.join(0.01)
    assert results == [4], results
    container.remove()


@case
def stats_are_unimplemented():
    container = sleeper("measured")
    refused(501, lambda: container.stats(stream=False))
    container.remove(force=True)


@case
def list_filters():
    first = sleeper("first", labels={"role": "a", "x": ""})
    second = run(["sh", "-c", "exit 3"], detach=True, name="second", labels={"role": "b"})
    second.wait()
    third = client.containers.create(IMAGE, "true", name="third", network_mode="none")

    def names(**options):
        return sorted(container.name for container in client.containers.list(**options))

    assert names() == ["first"]
    assert names(all=True) == ["first", "second", "third"]
    assert names(filters={"status": "exited"}) == ["second"]
    assert names(filters={"status": ["created", "running"]}) == ["first", "third"]
    assert names(all=True, filters={"label": "role"}) == ["first", "second"]
    assert names(all=True, filters={"label": ["role=a", "x"]}) == ["first"]
    assert names(all=True, filters={"name": "ir"}) == ["first", "third"]
    assert names(all=True, filters={"ancestor": IMAGE}) == ["first", "second", "third"]
    assert names(all=True, filters={"exited": 3}) == ["second"]
    assert names(all=True, filters={"id": third.id}) == ["third"]
    assert names(all=True, since=first.id) == ["second", "third"]
    assert names(all=True, before=second.id) == ["first"]
    assert names(limit=1) == ["third"]
    refused(400, lambda: names(filters={"nonsense": "1"}))
    removed = client.containers.prune(filters={"label": "role=b"})["ContainersDeleted"] if at_least("1.25") else [second.id]
    assert removed == [second.id], removed
    if at_least("1.25"):
        result = client.containers.prune()
        assert result["ContainersDeleted"] == [third.id], result
    for container in client.containers.list(all=True):
        container.remove(force=True)


@case
def many_at_once():
    failures = []

    def one(number):
        try:
            own = docker.DockerClient(base_url=f"unix://{SOCKET}", version=VERSION)
            output = own.containers.run(IMAGE, ["echo", str(number)], network_mode="none", remove=True)
            assert output == f"{number}\n".encode(), output
            own.close()
        except Exception:
            failures.append(traceback.format_exc())

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [], failures[0]
    assert client.containers.list(all=True) == []


def main():
    results = {"docker-py": docker.__version__}
    for function in cases:
        try:
            function()
            results[function.__name__] = "ok"
        except Exception:
            results[function.__name__] = traceback.format_exc(limit=-4)
            for container in client.containers.list(all=True):
                container.remove(force=True)
    print(json.dumps(results))


main()
