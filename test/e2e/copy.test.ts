/** `docker cp` of the stock client, both ways, in every state of a container. */
import { beforeAll, describe, expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { mustRun } from "../support/run-command.ts";

const { daemon, scratch } = withDaemon();
const cp = (...args: readonly string[]) => daemon.mustDocker("cp", ...args);
const inside = (name: string, script: string) => daemon.mustDocker("exec", name, "sh", "-c", script);
const fresh = () => mkdtempSync(join(scratch, "copy-"));

const SETUP =
  "mkdir -p /data/sub /empty; echo hi > /data/f; echo deep > /data/sub/g; ln -s /data/f /link; ln -s data /dirlink; ln -s /nowhere /dangling; " +
  "chmod 640 /data/f; chown 1000:1000 /data/f; touch -d '2020-01-02 03:04:05' /data/f; ";

/** Every state in which files can be copied. */
const STATES = ["running", "paused", "stopped"] as const;

beforeAll(async () => {
  for (const state of STATES) {
    await daemon.mustDocker(
      "run",
      "-d",
      "--name",
      state,
      ...NONE,
      BUSYBOX,
      "sh",
      "-c",
      `${SETUP}echo ready; sleep 1000`,
    );
    while (!(await daemon.mustDocker("logs", state)).includes("ready"));
  }
  await daemon.mustDocker("pause", "paused");
  await daemon.mustDocker("stop", "-t", "0", "stopped");
});

describe.each(STATES)("from a %s container", (name) => {
  test("a file to a file, into a directory, under a new name", async () => {
    const to = fresh();
    await cp(`${name}:/data/f`, join(to, "renamed"));
    await cp(`${name}:/data/f`, `${to}/`);
    expect(readdirSync(to).sort()).toEqual(["f", "renamed"]);
    expect(readFileSync(join(to, "f"), "utf8")).toBe("hi\n");
    expect(lstatSync(join(to, "f")).mode & 0o777).toBe(0o640);
  });

  test("a directory into one, as a new one, and its contents only", async () => {
    const to = fresh();
    await cp(`${name}:/data`, to);
    await cp(`${name}:/data`, join(to, "new"));
    await cp(`${name}:/data/.`, join(to, "contents"));
    for (const directory of ["data", "new", "contents"]) {
      expect(readdirSync(join(to, directory)).sort()).toEqual(["f", "sub"]);
      expect(readFileSync(join(to, directory, "sub/g"), "utf8")).toBe("deep\n");
    }
  });

  test("links are links, with -L what they lead to; a slash behind one follows it", async () => {
    const to = fresh();
    await cp(`${name}:/link`, to);
    expect(readlinkSync(join(to, "link"))).toBe("/data/f");
    await cp("-L", `${name}:/link`, join(to, "followed"));
    expect(readFileSync(join(to, "followed"), "utf8")).toBe("hi\n");
    await cp(`${name}:/dirlink/.`, join(to, "through"));
    expect(readdirSync(join(to, "through")).sort()).toEqual(["f", "sub"]);
    await cp(`${name}:/dangling`, to);
    expect(readlinkSync(join(to, "dangling"))).toBe("/nowhere");
  });

  test("modes and times come along; owners are in the archive, and for the client to take", async () => {
    const to = fresh();
    await cp("-a", `${name}:/data/f`, to);
    expect(lstatSync(join(to, "f")).mtimeMs).toBe(Date.parse("2020-01-02T03:04:05Z"));
    const tar = Bun.spawn(["docker", "cp", `${name}:/data/f`, "-"], {
      env: { ...process.env, DOCKER_HOST: daemon.host },
      stdout: "pipe",
    });
    const list = Bun.spawn(["tar", "-tv", "--numeric-owner"], { stdin: tar.stdout, stdout: "pipe" });
    expect(await list.stdout.text()).toStartWith("-rw-r----- 1000/1000 ");
  });

  test("a tar on standard output", async () => {
    const { stdout } = await daemon.docker("cp", `${name}:/data`, "-");
    const child = Bun.spawn(["tar", "-t"], { stdin: new Blob([stdout]), stdout: "pipe" });
    expect((await child.stdout.text()).split("\n").sort()).toEqual([
      "",
      "data/",
      "data/f",
      "data/sub/",
      "data/sub/g",
    ]);
  });

  test("what is not there is said so", async () => {
    const { code, stderr } = await daemon.docker("cp", `${name}:/nope`, fresh());
    expect(code).toBe(1);
    expect(stderr.trim()).toBe(
      `Error response from daemon: Could not find the file /nope in container ${name}`,
    );
  });
});

describe.each(STATES)("to a %s container", (name) => {
  const readBack = async (path: string) => {
    const to = fresh();
    await cp(`${name}:${path}`, join(to, "back"));
    return readFileSync(join(to, "back"), "utf8");
  };

  test("a file to a file, over one, into a directory, through a link", async () => {
    const from = fresh();
    writeFileSync(join(from, "s"), "sent\n");
    await cp(join(from, "s"), `${name}:/data/new`);
    await cp(join(from, "s"), `${name}:/data/sub/g`);
    await cp(join(from, "s"), `${name}:/empty`);
    await cp(join(from, "s"), `${name}:/dirlink/through`);
    for (const path of ["/data/new", "/data/sub/g", "/empty/s", "/data/through"])
      expect(await readBack(path)).toBe("sent\n");
  });

  test("a directory into one, as a new one, and its contents only", async () => {
    const from = join(fresh(), "tree");
    mkdirSync(join(from, "a"), { recursive: true });
    writeFileSync(join(from, "a/b"), "b\n");
    symlinkSync("a/b", join(from, "l"));
    await cp(from, `${name}:/empty`);
    await cp(from, `${name}:/made`);
    await cp(`${from}/.`, `${name}:/empty`);
    for (const path of ["/empty/tree/a/b", "/made/a/b", "/empty/a/b"])
      expect(await readBack(path)).toBe("b\n");
  });

  test("a tar on standard input, compressed too", async () => {
    const from = fresh();
    writeFileSync(join(from, "t"), "of a tar\n");
    for (const flags of ["-c", "-cz"]) {
      const tar = Bun.spawn(["tar", flags, "-C", from, "t"], { stdout: "pipe" });
      const { code } = await daemon.dockerWith(
        { input: await tar.stdout.bytes() },
        "cp",
        "-",
        `${name}:/data`,
      );
      expect(code).toBe(0);
      expect(await readBack("/data/t")).toBe("of a tar\n");
    }
  });

  test("what cannot be is refused in Docker's words", async () => {
    const from = fresh();
    writeFileSync(join(from, "s"), "x");
    mkdirSync(join(from, "d"));
    const refused = async (...args: readonly string[]) => {
      const { code, stderr } = await daemon.docker("cp", ...args);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await refused(join(from, "s"), `${name}:/nodir/s`)).toContain(
      `Could not find the file /nodir in container ${name}`,
    );
    expect(await refused(join(from, "s"), `${name}:/data/f/s`)).toContain(
      "extraction point is not a directory",
    );
    expect(await refused(join(from, "d"), `${name}:/data/f`)).toContain("cannot copy directory");
    const { code, stderr } = await daemon.dockerWith(
      { input: "this is no tar".repeat(100) },
      "cp",
      "-",
      `${name}:/data`,
    );
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("invalid tar header"),
    });
  });
});

describe("the rules of a container", () => {
  test("files keep the owner they have, with -a they get the container's user", async () => {
    const from = fresh();
    writeFileSync(join(from, "s"), "x");
    await mustRun(["chown", "123:456", join(from, "s")]);
    await daemon.mustDocker("run", "-d", "--name", "user", "-u", "alice", ...NONE, BUSYBOX, "sleep", "1000");
    await cp(join(from, "s"), "user:/tmp/kept");
    await cp("-a", join(from, "s"), "user:/tmp/given");
    expect(await inside("user", "stat -c %u:%g /tmp/kept /tmp/given")).toBe("123:456\n1000:1000");
  });

  test("a read-only root takes nothing, its writable volume does, a read-only volume does not", async () => {
    const from = fresh();
    writeFileSync(join(from, "s"), "x");
    const volumes = ["-v", `${fresh()}:/open`, "-v", `${fresh()}:/sealed:ro`];
    for (const [name, ...command] of [
      ["ro-running", "sleep", "1000"],
      ["ro-created", "true"],
    ] as const) {
      await daemon.mustDocker(
        "create",
        "--name",
        name,
        "--read-only",
        ...volumes,
        ...NONE,
        BUSYBOX,
        ...command,
      );
      if (name === "ro-running") await daemon.mustDocker("start", name);
      const refused = async (path: string) =>
        (await daemon.docker("cp", join(from, "s"), `${name}:${path}`)).stderr;
      expect(await refused("/tmp/s")).toContain("container rootfs is marked read-only");
      expect(await refused("/sealed/s")).toContain("mounted volume is marked read-only");
      await cp(join(from, "s"), `${name}:/open/s`);
      await cp(`${name}:/open/s`, join(fresh(), "back"));
      const put = await daemon.api("PUT", `/v1.50/containers/${name}/archive?path=/tmp`, {
        body: new Uint8Array(1024),
      });
      expect(put.status).toBe(403);
    }
  });

  test("a container that never ran is copied to and from, and runs with what it got", async () => {
    const from = fresh();
    writeFileSync(join(from, "greeting"), "hello\n");
    await daemon.mustDocker("create", "--name", "created", ...NONE, BUSYBOX, "cat", "/greeting");
    await cp(join(from, "greeting"), "created:/");
    await cp("created:/greeting", join(from, "back"));
    expect(readFileSync(join(from, "back"), "utf8")).toBe("hello\n");
    expect(await daemon.mustDocker("start", "-a", "created")).toBe("hello");
  });

  test("the header tells name, size, mode and time as Go has them", async () => {
    const head = await daemon.api("HEAD", "/v1.50/containers/running/archive?path=/link");
    const stat = JSON.parse(
      Buffer.from(head.headers.get("X-Docker-Container-Path-Stat") ?? "", "base64").toString(),
    );
    expect(stat).toMatchObject({ name: "link", size: 7, mode: 134217728 + 0o777, linkTarget: "/data/f" });
    const directory = await daemon.api("HEAD", "/v1.50/containers/running/archive?path=/data/.");
    const other = JSON.parse(
      Buffer.from(directory.headers.get("X-Docker-Container-Path-Stat") ?? "", "base64").toString(),
    );
    expect(other).toMatchObject({ name: ".", mode: 2147483648 + 0o755, linkTarget: "" });
    expect(other.mtime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    expect((await daemon.api("GET", "/v1.50/containers/running/archive")).status).toBe(400);
    expect((await daemon.api("HEAD", "/v1.50/containers/running/archive?path=/nope")).status).toBe(404);
    expect((await daemon.api("HEAD", "/v1.50/containers/nobody/archive?path=/")).status).toBe(404);
  });

  test("a client that goes away in the middle leaves a stopped container free", async () => {
    await daemon.mustDocker("create", "--name", "left", ...NONE, BUSYBOX, "true");
    const stop = new AbortController();
    const answer = await daemon.api("GET", "/v1.50/containers/left/archive?path=/", { signal: stop.signal });
    await answer.body?.getReader().read();
    stop.abort();
    await daemon.mustDocker("start", "-a", "left");
    await daemon.mustDocker("rm", "left");
  });
});
