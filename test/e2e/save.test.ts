/** `docker save`, and what others make of its archives. */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { mustRun, runCommand } from "../support/run-command.ts";

const { daemon, scratch } = withDaemon();
const inspect = async (name: string) => JSON.parse(await daemon.mustDocker("inspect", name))[0];
const skopeo = (...args: readonly string[]) =>
  mustRun(["skopeo", "--insecure-policy", "--tmpdir", scratch, ...args]);
const fresh = () => mkdtempSync(join(scratch, "save-"));

async function save(...names: readonly string[]): Promise<string> {
  const file = join(fresh(), "x.tar");
  await daemon.mustDocker("save", "-o", file, ...names);
  return file;
}

async function member(file: string, name: string): Promise<unknown> {
  return JSON.parse(await mustRun(["tar", "-xOf", file, name]));
}

beforeAll(async () => {
  for (const [name, parent] of [
    ["a", BUSYBOX],
    ["b", "saved:a"],
  ] as const) {
    await daemon.mustDocker(
      "run",
      "--name",
      `make-${name}`,
      ...NONE,
      parent,
      "sh",
      "-c",
      `echo ${name} > /${name}`,
    );
    await daemon.mustDocker("commit", "-c", `CMD ["cat", "/${name}"]`, `make-${name}`, `saved:${name}`);
    await daemon.mustDocker("rm", `make-${name}`);
  }
});

test("save and load give the same image", async () => {
  const file = await save("saved:b");
  const before = await inspect("saved:b");
  await daemon.mustDocker("rmi", "saved:b");
  expect(await daemon.mustDocker("load", "-i", file)).toBe("Loaded image: saved:b");
  const after = await inspect("saved:b");
  expect({ Id: after.Id, RootFS: after.RootFS }).toEqual({ Id: before.Id, RootFS: before.RootFS });
  expect(await daemon.mustDocker("run", "--rm", ...NONE, "saved:b")).toBe("b");
});

test("the same image gives the same bytes, to a file as to a pipe", async () => {
  const [one, two] = [await save("saved:b"), await save("saved:b")];
  expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
});

test("every file is what its name says, and each is there once", async () => {
  const file = await save("saved:a", "saved:b");
  const directory = fresh();
  await mustRun(["tar", "-xf", file, "-C", directory]);
  const blobs = readdirSync(join(directory, "blobs/sha256"));
  for (const name of blobs) {
    const bytes = readFileSync(join(directory, "blobs/sha256", name));
    expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(name);
  }
  // Three layers that are shared, two configs, two manifests.
  expect(blobs).toHaveLength(7);
});

test("names decide about tags: a repository has all of them, an id none", async () => {
  const { Id } = await inspect("saved:a");
  const tags = async (...names: readonly string[]) =>
    ((await member(await save(...names), "manifest.json")) as { RepoTags: string[] | null }[]).map(
      (image) => image.RepoTags,
    );
  expect(await tags("saved:a")).toEqual([["saved:a"]]);
  expect(await tags("saved")).toEqual([["saved:a"], ["saved:b"]]);
  expect(await tags(Id)).toEqual([null]);
  expect(await tags(Id.slice(7, 19), "saved:b")).toEqual([null, ["saved:b"]]);
  expect(await tags("saved:a", Id, "saved:a")).toEqual([["saved:a"]]);
  const index = (await member(await save("saved:a"), "index.json")) as {
    manifests: { annotations: object }[];
  };
  expect(index.manifests[0]?.annotations).toEqual({
    "io.containerd.image.name": "docker.io/library/saved:a",
    "org.opencontainers.image.ref.name": "a",
  });
});

test("what is not there has a status; another platform than an image's is told", async () => {
  const { code, stderr } = await daemon.docker("save", "-o", join(fresh(), "x"), "nobody:here");
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("No such image: nobody:here"),
  });
  const platform = encodeURIComponent(JSON.stringify({ os: "linux", architecture: "s390x" }));
  const answer = await daemon.api("GET", `/v1.50/images/saved:a/get?platform=${platform}`);
  expect(answer.status).toBe(404);
  expect(await answer.text()).toContain("does not match the specified platform: wanted linux/s390x");
  const own = encodeURIComponent(
    JSON.stringify({ os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" }),
  );
  expect((await daemon.api("GET", `/v1.50/images/saved:a/get?platform=${own}`)).status).toBe(200);
});

describe("skopeo", () => {
  test.each(["docker-archive", "oci-archive"])("reads it as a %s", async (form) => {
    const [file, to] = [await save("saved:b"), join(fresh(), "out")];
    await skopeo("copy", "-q", `${form}:${file}`, `dir:${to}`);
    const manifest = JSON.parse(readFileSync(join(to, "manifest.json"), "utf8"));
    expect(manifest.config.digest).toBe((await inspect("saved:b")).Id);
  });

  test("copies from the daemon, to it, and the image is the same", async () => {
    const to = join(fresh(), "out.tar");
    const { Id } = await inspect("saved:b");
    await skopeo(
      "copy",
      "-q",
      "--src-daemon-host",
      daemon.host,
      "docker-daemon:saved:b",
      `docker-archive:${to}:saved:b`,
    );
    await daemon.mustDocker("rmi", "saved:b");
    await skopeo(
      "copy",
      "-q",
      "--dest-daemon-host",
      daemon.host,
      `docker-archive:${to}`,
      "docker-daemon:saved:b",
    );
    expect((await inspect("saved:b")).Id).toBe(Id);
  });

  test("an OCI layout and back", async () => {
    const layout = `oci:${fresh()}/layout:saved`;
    await skopeo("copy", "-q", "--src-daemon-host", daemon.host, "docker-daemon:saved:a", layout);
    await skopeo("copy", "-q", "--dest-daemon-host", daemon.host, layout, "docker-daemon:returned:1");
    expect(await daemon.mustDocker("run", "--rm", ...NONE, "returned:1")).toBe("a");
    expect((await inspect("returned:1")).RootFS).toEqual((await inspect("saved:a")).RootFS);
    await daemon.mustDocker("rmi", "returned:1");
  });
});

test("a layer that came compressed is saved as it came", async () => {
  const [plain, packed] = [await save("saved:a"), join(fresh(), "oci.tar")];
  await skopeo("copy", "-q", `oci-archive:${plain}`, `oci-archive:${packed}:packed:1`);
  const { code, stdout } = await runCommand(["docker", "load", "-i", packed], {
    env: { DOCKER_HOST: daemon.host },
  });
  expect({ code, stdout }).toMatchObject({ code: 0 });
  const file = await save("packed:1");
  const original = (await member(packed, "index.json")) as { manifests: { digest: string }[] };
  const saved = (await member(file, "index.json")) as { manifests: { digest: string }[] };
  expect(saved.manifests[0]?.digest).toBe(original.manifests[0]?.digest ?? "none");
  await daemon.mustDocker("rmi", "packed:1");
  expect(await daemon.mustDocker("load", "-i", file)).toBe("Loaded image: packed:1");
  rmSync(packed);
});
