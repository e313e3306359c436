import { describe, expect, test } from "bun:test";
import { isLoopbackHost, Network, splitHostPort } from "./network-match.ts";

describe("splitHostPort", () => {
  test.each([
    ["ghcr.io", "ghcr.io", undefined],
    ["Host:5000", "host", "5000"],
    ["[::1]:5000", "::1", "5000"],
    ["[fd00::1]", "fd00::1", undefined],
    ["::1", "::1", undefined],
    ["a:b:c", "a:b:c", undefined],
  ] as const)("%s", (text, host, port) => expect(splitHostPort(text)).toEqual({ host, port }));
});

describe("Network", () => {
  test.each([
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.1", false],
    ["10.0.0.0/8", "::ffff:10.0.0.1", true],
    ["10.0.0.0/8", "fd00::1", false],
    ["fd00::/8", "fd12::3", true],
    ["0.0.0.0/0", "8.8.8.8", true],
    ["10.0.0.7/32", "10.0.0.8", false],
    ["10.0.0.0/8", "host.example", false],
  ] as const)("%s contains %s: %p", (network, address, expected) => {
    expect(Network.parse(network)?.contains(address)).toBe(expected);
  });

  test.each(["10.0.0.0", "10.0.0.0/33", "x/8", "fd00::/129", ""])("%j is no network", (text) => {
    expect(Network.parse(text)).toBeUndefined();
  });
});

test.each([
  ["localhost", true],
  ["LOCALHOST", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["127.example", false],
  ["localhost.example", false],
  ["10.0.0.1", false],
] as const)("isLoopbackHost(%s) is %p", (host, expected) => expect(isLoopbackHost(host)).toBe(expected));
