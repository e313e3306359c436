/** skopeo between registries, archives and the daemon: another program's idea of what an image is. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { NONE, withDaemon } from "../support/fixture.ts";
import { TestRegistry } from "../support/registry.ts";
import { busyboxImage, publish, skopeo } from "../support/registry-images.ts";

const { daemon, scratch } = withDaemon();
let registry: TestRegistry;

beforeAll(async () => {
  registry = await TestRegistry.start();
  await publish(scratch, registry, await busyboxImage(scratch, ["from the registry\n"]), "app:1");
}, 60_000);
afterAll(() => registry[Symbol.asyncDispose]());

const copy = (...args: readonly string[]) =>
  skopeo(
    scratch,
    "--insecure-policy",
    "copy",
    "-q",
    "--src-tls-verify=false",
    "--dest-tls-verify=false",
    ...args,
  );
const ids = async (ref: string) => await daemon.mustDocker("image", "inspect", "-f", "{{.Id}}", ref);

test("from a registry into the daemon", async () => {
  await copy("--dest-daemon-host", daemon.host, `docker://${registry.host}/app:1`, "docker-daemon:copied:1");
  expect(await daemon.mustDocker("run", "--rm", ...NONE, "copied:1")).toBe("from the registry");
});

test("from the daemon to a registry, and back by a pull, the image keeps its id", async () => {
  await daemon.mustDocker("pull", "-q", `${registry.host}/app:1`);
  const before = await ids(`${registry.host}/app:1`);
  const from = `docker-daemon:${registry.host}/app:1`;
  await copy("--src-daemon-host", daemon.host, from, `docker://${registry.host}/exported:1`);
  await daemon.mustDocker("rmi", "-f", before);
  await daemon.mustDocker("pull", "-q", `${registry.host}/exported:1`);
  expect(await ids(`${registry.host}/exported:1`)).toBe(before);
  expect(await daemon.mustDocker("run", "--rm", ...NONE, `${registry.host}/exported:1`)).toBe(
    "from the registry",
  );
});

test.each([
  ["gzip", "gzip"],
  ["zstd", "zstd"],
])("layers compressed with %s are pulled, and pushed as they are", async (_, format) => {
  const layout = `oci:${join(scratch, format)}:x`;
  await copy("--dest-compress-format", format, `docker://${registry.host}/app:1`, layout);
  await copy("--dest-compress-format", format, layout, `docker://${registry.host}/${format}:1`);
  const { digest, body } = await registry.manifest(format, "1");
  expect(body).toContain(`+${format}`);
  for (const ref of await daemon.mustDocker("images", "-q").then((text) => text.split("\n")))
    await daemon.docker("rmi", "-f", ref);
  await daemon.mustDocker("pull", "-q", `${registry.host}/${format}:1`);
  expect(await daemon.mustDocker("run", "--rm", ...NONE, `${registry.host}/${format}:1`)).toBe(
    "from the registry",
  );
  await daemon.mustDocker("tag", `${registry.host}/${format}:1`, `${registry.host}/again/${format}:1`);
  await daemon.mustDocker("push", "-q", `${registry.host}/again/${format}:1`);
  expect((await registry.manifest(`again/${format}`, "1")).digest).toBe(digest);
});
