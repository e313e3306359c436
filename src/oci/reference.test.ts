import { describe, expect, test } from "bun:test";
import {
  canonicalString,
  familiarRepository,
  familiarString,
  parseImageName,
  parseImageReference,
  repositoryOf,
  withDefaultTag,
  withTag,
} from "./reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

/** Text, canonical form, familiar form. */
const VALID: readonly [string, string, string][] = [
  ["busybox", "docker.io/library/busybox", "busybox"],
  ["busybox:latest", "docker.io/library/busybox:latest", "busybox:latest"],
  ["busybox:1.36.1-glibc", "docker.io/library/busybox:1.36.1-glibc", "busybox:1.36.1-glibc"],
  ["library/busybox", "docker.io/library/busybox", "busybox"],
  ["docker.io/busybox", "docker.io/library/busybox", "busybox"],
  ["docker.io/library/busybox:v1", "docker.io/library/busybox:v1", "busybox:v1"],
  ["index.docker.io/busybox", "docker.io/library/busybox", "busybox"],
  ["index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"],
  ["user/app", "docker.io/user/app", "user/app"],
  ["docker.io/user/app:x", "docker.io/user/app:x", "user/app:x"],
  ["a/b/c", "docker.io/a/b/c", "a/b/c"],
  ["library/a/b", "docker.io/library/a/b", "library/a/b"],
  ["localhost/app", "localhost/app", "localhost/app"],
  ["localhost:5000/app:t", "localhost:5000/app:t", "localhost:5000/app:t"],
  ["localhost", "docker.io/library/localhost", "localhost"],
  ["localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"],
  ["quay.io/podman/hello", "quay.io/podman/hello", "quay.io/podman/hello"],
  ["registry.example:5000/a/b:c", "registry.example:5000/a/b:c", "registry.example:5000/a/b:c"],
  ["127.0.0.1:5000/app", "127.0.0.1:5000/app", "127.0.0.1:5000/app"],
  ["[::1]:5000/app:t", "[::1]:5000/app:t", "[::1]:5000/app:t"],
  ["[2001:db8::1]/app", "[2001:db8::1]/app", "[2001:db8::1]/app"],
  ["Registry/app", "Registry/app", "Registry/app"],
  ["EXAMPLE.com/app", "EXAMPLE.com/app", "EXAMPLE.com/app"],
  ["example.com/library/app", "example.com/library/app", "example.com/library/app"],
  [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
  [`busybox:v1@${DIGEST}`, `docker.io/library/busybox:v1@${DIGEST}`, `busybox:v1@${DIGEST}`],
  [`localhost:5000/app:v1@${DIGEST}`, `localhost:5000/app:v1@${DIGEST}`, `localhost:5000/app:v1@${DIGEST}`],
  ["a_b/c__d/e-f/g---h/i.j", "docker.io/a_b/c__d/e-f/g---h/i.j", "a_b/c__d/e-f/g---h/i.j"],
  ["app:_tag", "docker.io/library/app:_tag", "app:_tag"],
  [`app:${"t".repeat(128)}`, `docker.io/library/app:${"t".repeat(128)}`, `app:${"t".repeat(128)}`],
  ["app:UPPER", "docker.io/library/app:UPPER", "app:UPPER"],
  ["xn--n3h.com/app", "xn--n3h.com/app", "xn--n3h.com/app"],
  [HEX.slice(1), `docker.io/library/${HEX.slice(1)}`, HEX.slice(1)],
  ["sha256:abc", "docker.io/library/sha256:abc", "sha256:abc"],
];

const INVALID: readonly [string, string][] = [
  ["", "invalid reference format"],
  [":", "invalid reference format"],
  [":tag", "invalid reference format"],
  ["-app", "invalid reference format"],
  ["app-", "invalid reference format"],
  ["a___b", "invalid reference format"],
  ["a..b", "invalid reference format"],
  ["a//b", "invalid reference format"],
  ["/app", "invalid reference format"],
  ["app/", "invalid reference format"],
  ["app:", "invalid reference format"],
  ["app:-x", "invalid reference format"],
  [`app:${"t".repeat(129)}`, "invalid reference format"],
  ["app@", "invalid reference format"],
  ["app@sha256:abc", "invalid reference format"],
  ["app name", "invalid reference format"],
  ["app\n", "invalid reference format"],
  ["app\0", "invalid reference format"],
  ["äpp", "invalid reference format"],
  ["http://example.com/app", "invalid reference format"],
  ["[fe80::1%eth0]:5000/app", "invalid reference format"],
  ["[::1]", "invalid reference format"],
  ["::1/app", "invalid reference format"],
  ["a.-b.com/app", "invalid reference format"],
  ["x".repeat(5000), "invalid reference format"],
  ["Foo", "invalid reference format: repository name (library/Foo) must be lowercase"],
  ["Foo:tag", "invalid reference format: repository name (library/Foo) must be lowercase"],
  ["user/App", "invalid reference format: repository name (user/App) must be lowercase"],
  ["localhost:5000/App", "invalid reference format: repository name (App) must be lowercase"],
  [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
  ["x".repeat(256), "repository name must not be more than 255 characters"],
  [`app@sha512:${HEX}`, "invalid checksum digest length"],
  [`app:x@SHA256:${HEX}`, "invalid checksum digest format"],
  [`app@md5:${"a".repeat(32)}`, "unsupported digest algorithm"],
  [`app@SHA256:${HEX}`, "invalid reference format: repository name (library/app@SHA256) must be lowercase"],
];

describe("parseImageName", () => {
  test.each(VALID)("%s", (text, canonical, familiar) => {
    const name = parseImageName(text);
    expect(canonicalString(name)).toBe(canonical);
    expect(familiarString(name)).toBe(familiar);
    expect(parseImageName(canonical)).toEqual(name);
    expect(parseImageName(familiar)).toEqual(name);
  });

  test.each(INVALID)("refuses %p", (text, message) => {
    let thrown: unknown;
    try {
      parseImageName(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ kind: "invalid", message });
  });

  test("absurd input ends at once", () => {
    const hostile = ["a-".repeat(900), `${"a.".repeat(900)}/x`, `${"A".repeat(1000)}-/${"b/".repeat(400)}`];
    const before = performance.now();
    for (const text of hostile) expect(() => parseImageName(text)).toThrow();
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe("parseImageReference", () => {
  test("64 hex digits and digests are ids", () => {
    expect(parseImageReference(HEX)).toEqual({ kind: "digest", digest: DIGEST });
    expect(parseImageReference(DIGEST)).toEqual({ kind: "digest", digest: DIGEST });
  });

  test("everything else is a name, also the beginning of an id", () => {
    expect(parseImageReference("abc123")).toMatchObject({ kind: "name", name: { path: "library/abc123" } });
    expect(parseImageReference("sha256:abc")).toMatchObject({ kind: "name", name: { tag: "abc" } });
  });
});

describe("names", () => {
  test("the default tag goes only where neither tag nor digest is", () => {
    expect(familiarString(withDefaultTag(parseImageName("a")))).toBe("a:latest");
    expect(familiarString(withDefaultTag(parseImageName("a:x")))).toBe("a:x");
    expect(familiarString(withDefaultTag(parseImageName(`a@${DIGEST}`)))).toBe(`a@${DIGEST}`);
  });

  test("withTag replaces and checks", () => {
    expect(familiarString(withTag(parseImageName("a:x"), "y"))).toBe("a:y");
    expect(() => withTag(parseImageName("a"), "-y")).toThrow("invalid tag format");
    expect(() => withTag(parseImageName("a"), "y\n")).toThrow("invalid tag format");
  });

  test("repositories", () => {
    expect(repositoryOf(parseImageName("a:x"))).toBe("docker.io/library/a");
    expect(familiarRepository(parseImageName("a:x"))).toBe("a");
  });
});
