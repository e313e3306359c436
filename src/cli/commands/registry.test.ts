import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScripted } from "../testing/scripted-cli.ts";

const NO_CONFIG = { DOCKER_CONFIG: "/nonexistent" };
const PULLED = { lines: [{ status: "Digest: sha256:x" }, { status: "Status: Downloaded newer image" }] };
const CREATE = { "POST /images/create": PULLED };
const decoded = (header: string | undefined) => JSON.parse(Buffer.from(header ?? "", "base64").toString());

test("pull says which tag is meant and prints the whole name", async () => {
  const { code, err, out, requests } = await runScripted(["pull", "busybox"], {
    answers: CREATE,
    environment: NO_CONFIG,
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toBe(
    "Using default tag: latest\nDigest: sha256:x\nStatus: Downloaded newer image\ndocker.io/library/busybox:latest\n",
  );
  expect(requests.map(({ path }) => path)).toEqual([
    "/v1.50/images/create?fromImage=docker.io%2Flibrary%2Fbusybox&tag=latest",
  ]);
  expect(decoded(requests[0]?.headers?.["x-registry-auth"])).toEqual({});
});

test("pull -q, and the platform that is set for all commands", async () => {
  const { out, requests } = await runScripted(["pull", "-q", "x:1"], {
    answers: CREATE,
    environment: { ...NO_CONFIG, DOCKER_DEFAULT_PLATFORM: "linux/ARM64" },
  });
  expect(out).toBe("docker.io/library/x:1\n");
  expect(requests[0]?.path).toEndWith("&platform=linux%2Farm64");
});

test("credentials of the image's registry go along; a broken file does not hold a pull up", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-config-"));
  try {
    const environment = { DOCKER_CONFIG: directory };
    writeFileSync(join(directory, "config.json"), '{"auths":{"r.example":{"auth":"bWU6cGFzcw=="}}}');
    const { requests } = await runScripted(["pull", "r.example/x"], { answers: CREATE, environment });
    const auth = { username: "me", password: "pass", serveraddress: "r.example" };
    expect(decoded(requests[0]?.headers?.["x-registry-auth"])).toEqual(auth);
    writeFileSync(join(directory, "config.json"), "{");
    const broken = await runScripted(["pull", "r.example/x"], { answers: CREATE, environment });
    expect(broken.code).toBe(0);
    expect(broken.err).toStartWith("WARNING: no credentials for r.example: parsing config file");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  [["pull", "-a", "x:1"], "tag can't be used with --all-tags/-a\n"],
  [["pull", "X"], "invalid reference format: repository name (library/X) must be lowercase\n"],
  [["push", `x@sha256:${"0".repeat(64)}`], "cannot push a digest reference\n"],
  [
    ["pull", "--disable-content-trust=false", "x:1"],
    "checking signatures (content trust) is not available in berth yet\n",
  ],
  [["pull", "x:1"], "manifest unknown\n"],
  [["push", "x:1"], "Error response from daemon: tag does not exist\n"],
])("%j fails", async (argv, message) => {
  const answers = {
    "POST /images/create": {
      lines: [{ errorDetail: { message: "manifest unknown" }, error: "manifest unknown" }],
    },
    "POST /images/docker.io/library/x/push": { status: 404, message: "tag does not exist" },
  };
  const { code, err } = await runScripted(argv, { answers, environment: NO_CONFIG });
  expect({ code, err }).toEqual({ code: 1, err: message });
});

test("content trust that the environment asks for is not left out either", async () => {
  const environment = { ...NO_CONFIG, DOCKER_CONTENT_TRUST: "1" };
  expect((await runScripted(["pull", "x"], { answers: CREATE, environment })).code).toBe(1);
  const off = await runScripted(["pull", "--disable-content-trust", "x"], { answers: CREATE, environment });
  expect(off.code).toBe(0);
});

test("push tells what the daemon noted about the index", async () => {
  const aux = {
    manifestPushedInsteadOfIndex: true,
    originalIndex: { digest: "sha256:a" },
    selectedManifest: { digest: "sha256:b" },
  };
  const { out } = await runScripted(["push", "-q", "x"], {
    answers: { "POST /images/docker.io/library/x/push": { lines: [{ aux, progressDetail: {} }] } },
    environment: NO_CONFIG,
  });
  expect(out).toContain("\n         sha256:a -> sha256:b\n");
  expect(out).toEndWith("docker.io/library/x:latest\n");
});

const CREATED = { json: { Id: "ab".repeat(32), Warnings: [] } };

test("create --pull always shows the pull on standard error; never asks no registry", async () => {
  const answers = { ...CREATE, "POST /containers/create": CREATED };
  const always = await runScripted(["create", "--pull", "always", "x"], { answers, environment: NO_CONFIG });
  expect(always.out).toBe(`${"ab".repeat(32)}\n`);
  expect(always.err).toBe("Digest: sha256:x\nStatus: Downloaded newer image\n");
  const missing = { "POST /containers/create": { status: 404, message: "No such image: x:latest" } };
  const never = await runScripted(["create", "--pull", "never", "x"], {
    answers: missing,
    environment: NO_CONFIG,
  });
  expect(never.requests.length).toBe(1);
  expect(never.err).toBe("Error response from daemon: No such image: x:latest\n");
});
