import { expect, test } from "bun:test";
import { proxyFor } from "./proxy-choice.ts";

const PROXY = "http://proxy:3128";
const through = (url: string, noProxy = "") =>
  proxyFor(new URL(url), { http: PROXY, https: PROXY, noProxy }) !== undefined;

test.each([
  ["https://ghcr.io/v2/", "", true],
  ["https://ghcr.io/v2/", "*", false],
  ["https://ghcr.io/v2/", "ghcr.io", false],
  ["https://GHCR.io/v2/", " quay.io , GHCR.IO", false],
  ["https://pkg.ghcr.io/v2/", "ghcr.io", false],
  ["https://notghcr.io/v2/", "ghcr.io", true],
  ["https://ghcr.io/v2/", ".ghcr.io", true],
  ["https://a.ghcr.io/v2/", ".ghcr.io", false],
  ["https://a.ghcr.io/v2/", "*.ghcr.io", false],
  ["https://ghcr.io/v2/", "ghcr.io:443", false],
  ["https://ghcr.io/v2/", "ghcr.io:5000", true],
  ["https://ghcr.io:5000/v2/", "ghcr.io:5000", false],
  ["http://10.1.2.3/v2/", "10.0.0.0/8", false],
  ["http://11.1.2.3/v2/", "10.0.0.0/8", true],
  ["http://10.1.2.3:80/v2/", "10.1.2.3:80", false],
  ["http://[fd00::1]:5000/v2/", "fd00::/8", false],
  ["http://[fd00::1]:5000/v2/", "[fd00::1]:5000", false],
  ["http://localhost:5000/v2/", "", false],
  ["http://127.0.0.5/v2/", "", false],
  ["http://[::1]/v2/", "", false],
] as const)("%s with NO_PROXY=%s: %p", (url, noProxy, expected) =>
  expect(through(url, noProxy)).toBe(expected),
);

test("each scheme has its own proxy, and one without scheme is http", () => {
  const proxies = { http: "one:1", https: "http://u:p@two:2" };
  expect(proxyFor(new URL("http://a.example/"), proxies)).toBe("http://one:1");
  expect(proxyFor(new URL("https://a.example/"), proxies)).toBe("http://u:p@two:2");
  expect(proxyFor(new URL("https://a.example/"), { http: "one:1" })).toBeUndefined();
});
