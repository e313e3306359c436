import { describe, expect, test } from "bun:test";
import type { HostConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { resolveMounts } from "./resolve-mounts.ts";

function refusal(host: HostConfig): string {
  try {
    resolveMounts(host);
  } catch (error) {
    if (error instanceof EngineError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("-v", () => {
  test("with everything that it can say", () => {
    expect(resolveMounts({ Binds: ["/a/../b//c/:/d/./e:ro,rslave,z"] })).toEqual([
      {
        mount: {
          type: "bind",
          source: "/b/c",
          target: "/d/e",
          readOnly: true,
          readOnlyRecursive: true,
          recursive: true,
          propagation: "rslave",
        },
        view: {
          Type: "bind",
          Source: "/b/c",
          Destination: "/d/e",
          Mode: "ro,rslave,z",
          RW: false,
          Propagation: "rslave",
        },
        missingSource: "create",
      },
    ]);
  });

  test.each([
    ["/a:/b:nope", "invalid: invalid mode: nope"],
    ["/a:/b:ro,rw", "invalid: invalid mode: ro,rw"],
    ["/a:ro", "invalid: invalid volume specification: '/a:ro'"],
    [":/b", "invalid: invalid volume specification: ':/b'"],
    ["/a:/b:ro:x", "invalid: invalid volume specification: '/a:/b:ro:x'"],
    [
      "/a:b",
      "invalid: invalid volume specification: '/a:b': invalid mount path: 'b' mount path must be absolute",
    ],
    [
      "/a:/",
      "invalid: invalid volume specification: '/a:/': invalid specification: destination can't be '/'",
    ],
    [
      "/a:/x/..",
      "invalid: invalid volume specification: '/a:/x/..': invalid specification: destination can't be '/'",
    ],
  ])("%s", (bind, expected) => expect(refusal({ Binds: [bind] })).toBe(expected));

  test.each(["data:/b", "/b", "data:/b:ro"])("%s is a volume", (bind) => {
    expect(refusal({ Binds: [bind] })).toStartWith("unimplemented: ");
  });
});

describe("--mount", () => {
  test.each<[NonNullable<HostConfig["Mounts"]>[number], string]>([
    [{ Type: "bind", Target: "/t" }, 'invalid mount config for type "bind": field Source must not be empty'],
    [{ Type: "bind", Source: "/s" }, 'invalid mount config for type "bind": field Target must not be empty'],
    [
      { Type: "bind", Source: "s", Target: "/t" },
      `invalid mount config for type "bind": invalid mount path: 's' mount path must be absolute`,
    ],
    [
      { Type: "tmpfs", Source: "s", Target: "/t" },
      'invalid mount config for type "tmpfs": field Source must not be specified',
    ],
    [
      { Type: "tmpfs", Target: "/t", BindOptions: {} },
      'invalid mount config for type "tmpfs": field BindOptions must not be specified',
    ],
    [
      { Type: "bind", Source: "/s", Target: "/t", BindOptions: { Propagation: "x" } },
      'invalid mount config for type "bind": invalid propagation mode: x',
    ],
    [{ Target: "/t" }, 'invalid mount config for type "": mount type unknown'],
  ])("%p", (mount, message) => expect(refusal({ Mounts: [mount] })).toBe(`invalid: ${message}`));

  test("non-recursive ones are not read-only below either", () => {
    const mount = {
      Type: "bind",
      Source: "/s",
      Target: "/t",
      ReadOnly: true,
      BindOptions: { NonRecursive: true },
    } as const;
    expect(resolveMounts({ Mounts: [mount] })[0]?.mount).toMatchObject({
      recursive: false,
      readOnlyRecursive: false,
    });
  });
});

describe("tmpfs", () => {
  const options = (text: string) => resolveMounts({ Tmpfs: { "/t": text } })[0]?.mount;

  test("the user's options win over the defaults", () => {
    expect(options("")).toMatchObject({ options: ["noexec", "nosuid", "nodev"] });
    expect(options("exec,size=64m,mode=1777,size=1g")).toMatchObject({
      options: ["nosuid", "nodev", "exec", "mode=1777", "size=1g"],
    });
    const request = {
      Type: "tmpfs",
      Target: "/t",
      ReadOnly: true,
      TmpfsOptions: { SizeBytes: 4096, Mode: 0o700 },
    } as const;
    expect(resolveMounts({ Mounts: [request] })[0]?.mount).toMatchObject({
      options: ["noexec", "nosuid", "nodev", "ro", "mode=700", "size=4096"],
    });
  });

  test.each(["nope", "size", "size=1,lowerdir=/etc", "mode=999", "constructor", "size=-1"])(
    "refuses %s",
    (text) => {
      expect(refusal({ Tmpfs: { "/t": text } })).toStartWith("invalid: invalid tmpfs option");
    },
  );
});

test("two mounts on one place are refused, whoever asked", () => {
  expect(refusal({ Binds: ["/a:/t"], Tmpfs: { "/t/": "" } })).toBe("invalid: Duplicate mount point: /t");
  expect(refusal({ Binds: ["/a:/t", "/b:/t"] })).toBe("invalid: Duplicate mount point: /t");
});

test("outer mounts come before inner ones", () => {
  const targets = resolveMounts({ Binds: ["/a:/t/u/v", "/b:/t"], Tmpfs: { "/t/u": "" } }).map(
    ({ mount }) => mount.target,
  );
  expect(targets).toEqual(["/t", "/t/u", "/t/u/v"]);
});
