import { expect, test } from "bun:test";
import { checkProxy, parseInsecureRegistry, parseMirror, parseRegistryName } from "./registry-addresses.ts";

test.each([
  ["https://m.example/", "https://m.example"],
  ["http://m.example:5000/path//", "http://m.example:5000/path"],
])("mirror %s", (text, expected) => expect(parseMirror(text)).toBe(expected));

test.each([
  ["m.example", "no scheme specified"],
  ["m.example:5000", "no scheme specified"],
  ["ftp://m.example", 'unsupported scheme "ftp"'],
  ["https://u:secret@m.example", "username/password not allowed"],
  ["https://m.example/?x=y", "query or fragment"],
  ["https://", "is not a valid URI"],
])("mirror %s is refused", (text, message) => expect(() => parseMirror(text)).toThrow(message));

test("a refused mirror's password is not printed", () => {
  expect(() => parseMirror("https://u:secret@m.example")).not.toThrow("secret");
});

test.each([
  ["reg.example", "reg.example"],
  ["http://reg.example:5000", "reg.example:5000"],
  ["10.0.0.0/8", "10.0.0.0/8"],
  ["[fd00::1]:5000", "[fd00::1]:5000"],
  ["under_score", "under_score"],
])("insecure registry %s", (text, expected) => expect(parseInsecureRegistry(text)).toBe(expected));

test.each(["ftp://x", "a b", "reg.example:99999", "-x", "10.0.0.0/40", ""])(
  "insecure registry %j is refused",
  (text) => {
    expect(() => parseInsecureRegistry(text)).toThrow("insecure registry");
  },
);

test("names of registries", () => {
  expect(["*", "index.docker.io", "ghcr.io", "h:5000"].map(parseRegistryName)).toEqual([
    "*",
    "docker.io",
    "ghcr.io",
    "h:5000",
  ]);
  expect(() => parseRegistryName("https://ghcr.io")).toThrow("is not valid");
});

test("proxies", () => {
  expect(checkProxy("http-proxy", "proxy:3128")).toBe("proxy:3128");
  expect(() => checkProxy("http-proxy", "socks5://u:secret@x")).toThrow("invalid http-proxy");
  expect(() => checkProxy("http-proxy", "socks5://u:secret@x")).not.toThrow("secret");
});
