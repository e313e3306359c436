import { describe, expect, test } from "bun:test";
import { parseImageConfig } from "./image-config.ts";

const DIFF = `sha256:${"cd".repeat(32)}`;
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const minimal = (more: object = {}) => ({
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [DIFF] },
  ...more,
});

describe("parseImageConfig", () => {
  test("reads the fields that count and leaves the others out", () => {
    const parsed = parseImageConfig(
      bytes(
        minimal({
          created: "2024-01-02T03:04:05.123456789Z",
          config: {
            Env: ["A=b"],
            Cmd: ["sh"],
            Entrypoint: null,
            Labels: { a: "b" },
            ExposedPorts: { "80/tcp": {} },
            Volumes: null,
            User: "",
            Healthcheck: { Test: ["CMD", "x"], Interval: 5e9 },
            Nonsense: 1,
          },
          history: [{ created_by: "x" }, { empty_layer: true }],
        }),
      ),
    );
    expect(parsed.config).toEqual({
      Env: ["A=b"],
      Cmd: ["sh"],
      Labels: { a: "b" },
      ExposedPorts: { "80/tcp": {} },
      Healthcheck: { Test: ["CMD", "x"], Interval: 5e9 },
    });
    expect(parsed.rootfs.diff_ids).toEqual([DIFF]);
    expect(parsed.history).toHaveLength(2);
  });

  test("an old image without os is for linux, one without layers is fine", () => {
    expect(parseImageConfig(bytes({ rootfs: { type: "layers" } }))).toMatchObject({
      os: "linux",
      architecture: "",
    });
  });

  test.each<[string, object, string]>([
    ["no rootfs", { rootfs: undefined }, "rootfs is missing"],
    ["another kind of rootfs", { rootfs: { type: "x" } }, "rootfs.type"],
    [
      "a diff id of sha512",
      { rootfs: { type: "layers", diff_ids: [`sha512:${"a".repeat(128)}`] } },
      "sha256",
    ],
    [
      "126 layers",
      { rootfs: { type: "layers", diff_ids: Array.from({ length: 126 }, () => DIFF) } },
      "max depth exceeded",
    ],
    ["a history longer than the layers", { history: [{}, {}] }, "names more layers"],
    ["a time that is none", { created: "yesterday" }, "RFC 3339"],
    ["an environment of numbers", { config: { Env: [1] } }, "config.Env[0]"],
    ["a NUL in a variable", { config: { Env: ["A=\0"] } }, "NUL"],
    ["labels as a list", { config: { Labels: ["a"] } }, "config.Labels"],
    ["a user that is an object", { config: { User: {} } }, "config.User"],
    ["a command of objects", { config: { Cmd: [{}] } }, "config.Cmd[0]"],
  ])("refuses %s", (_, more, message) => {
    expect(() => parseImageConfig(bytes(minimal(more)))).toThrow(message);
  });

  test("no key reaches a prototype", () => {
    const text = `{"rootfs":{"type":"layers"},"config":{"Labels":{"__proto__":"x"}}}`;
    expect(() => parseImageConfig(new TextEncoder().encode(text))).toThrow("impossible key");
  });
});
