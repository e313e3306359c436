import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../host/hashing.ts";
import { bodyOf, layerTar } from "../../store/testing/image-archives.ts";
import { openService, type ServiceUnderTest } from "./testing/service.ts";

const root = layerTar({ "bin/sh": "12345", "etc/passwd": "root" });
const defaults = {
  repo: "",
  tag: "",
  message: "",
  changes: [] as string[],
  platform: undefined as string | undefined,
};

function run(context: ServiceUnderTest, options: Partial<typeof defaults>, tar: Uint8Array = root) {
  const messages = context.service.import(
    bodyOf(tar),
    { ...defaults, ...options },
    new AbortController().signal,
  );
  return Array.fromAsync(messages);
}

describe("import", () => {
  test("makes an image of one layer and answers with its id", async () => {
    await using context = await openService();
    const changes = ['CMD ["/bin/sh"]', "ENV A=b"];
    const [message] = await run(context, { repo: "root", tag: "v1", message: "mine", changes });
    const image = await context.service.resolve("root:v1");
    expect(message).toEqual({ status: image.id });
    expect(image).toMatchObject({
      sizeBytes: 9,
      config: {
        architecture: "amd64",
        os: "linux",
        comment: "mine",
        docker_version: "0.0-test",
        created: "2025-06-01T12:00:00.000Z",
        config: { Cmd: ["/bin/sh"], Env: ["A=b"] },
        rootfs: { type: "layers", diff_ids: [`sha256:${sha256(root)}`] },
        history: [{ created: "2025-06-01T12:00:00.000Z", comment: "mine" }],
      },
    });
    expect(context.events.map((event) => [event.action, event.attributes.name])).toEqual([
      ["tag", "root:v1"],
      ["import", image.id],
    ]);
  });

  test("the same input gives the same id; compression counts for nothing", async () => {
    await using context = await openService();
    const [first] = await run(context, { repo: "a" });
    const [second] = await run(context, { repo: "b" }, gzipSync(root));
    expect(second).toEqual(first ?? {});
    expect((await context.service.resolve("a:latest")).tags).toEqual(["a:latest", "b:latest"]);
    await context.store.layers.settled();
    expect(context.temporary.list("snapshots")).toHaveLength(1);
  });

  test("a platform of one's own", async () => {
    await using context = await openService();
    await run(context, { repo: "a", platform: "linux/arm/v7" });
    expect((await context.service.resolve("a")).config).toMatchObject({ architecture: "arm", variant: "v7" });
  });

  test.each<[Partial<typeof defaults>, string]>([
    [{ repo: "Upper" }, "must be lowercase"],
    [{ repo: "a", tag: "-" }, "invalid tag format"],
    [{ repo: `a@sha256:${"0".repeat(64)}` }, "cannot import digest reference"],
    [{ changes: ["FROM x"] }, "FROM is not a valid change command"],
    [{ platform: "windows/amd64" }, "operating system is not supported: windows"],
    [{ platform: "a/b/c/d" }, "invalid platform specifier"],
  ])("%j is refused before anything is read", async (options, message) => {
    await using context = await openService();
    await expect(run(context, options)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(message),
    });
    expect(context.temporary.unpacker.unpacked).toBe(0);
  });

  test("what is no tar leaves nothing", async () => {
    await using context = await openService();
    await expect(run(context, { repo: "a" }, new Uint8Array(3000).fill(66))).rejects.toMatchObject({
      kind: "invalid",
    });
    await context.store.layers.settled();
    expect(context.temporary.list("snapshots")).toEqual([]);
    expect(context.service.count()).toBe(0);
  });
});
