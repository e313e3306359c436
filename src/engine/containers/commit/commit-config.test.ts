import { expect, test } from "bun:test";
import { parseImageConfig } from "../../../oci/image-config.ts";
import { type CommittedImage, committedConfigBytes, EMPTY_LAYER } from "./commit-config.ts";

const layer = (digit: string) => `sha256:${digit.repeat(64)}`;

function image(change: Partial<CommittedImage> = {}): CommittedImage {
  return {
    parent: {
      architecture: "arm64",
      variant: "v8",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [layer("1")] },
      history: [{ created: "2020-01-01T00:00:00Z", created_by: "first" }],
    },
    containerId: "c".repeat(64),
    containerConfig: { Cmd: ["sh", "-c", "true"] },
    config: { Cmd: ["echo"], Labels: { a: "b" } },
    author: "somebody",
    comment: "a comment",
    at: new Date("2026-01-02T03:04:05.678Z"),
    version: "1.2.3",
    diffId: layer("2"),
    ...change,
  };
}

test("has the parent's layers and history, and one more of each", () => {
  const config = parseImageConfig(committedConfigBytes(image()));
  expect(config).toMatchObject({
    architecture: "arm64",
    variant: "v8",
    os: "linux",
    author: "somebody",
    comment: "a comment",
    created: "2026-01-02T03:04:05.678Z",
    config: { Cmd: ["echo"], Labels: { a: "b" } },
  });
  expect(config.rootfs.diff_ids).toEqual([layer("1"), layer("2")]);
  expect(config.history).toEqual([
    { created: "2020-01-01T00:00:00Z", created_by: "first" },
    {
      created: "2026-01-02T03:04:05.678Z",
      created_by: "sh -c true",
      author: "somebody",
      comment: "a comment",
    },
  ]);
});

test("an empty layer is told of in the history only", () => {
  const config = parseImageConfig(
    committedConfigBytes(image({ diffId: EMPTY_LAYER, author: "", comment: "" })),
  );
  expect(config.rootfs.diff_ids).toEqual([layer("1")]);
  expect(config.history?.at(-1)).toEqual({
    created: "2026-01-02T03:04:05.678Z",
    created_by: "sh -c true",
    empty_layer: true,
  });
  expect(config.author).toBeUndefined();
});

test("an empty tar has the digest that is known as empty", () => {
  expect(`sha256:${new Bun.CryptoHasher("sha256").update(new Uint8Array(1024)).digest("hex")}`).toBe(
    EMPTY_LAYER,
  );
});
