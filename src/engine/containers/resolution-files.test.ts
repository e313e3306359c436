import { describe, expect, test } from "bun:test";
import { hostsFile, resolvConfFile } from "./resolution-files.ts";

const RESOLV = "# c\nnameserver 127.0.0.53\nnameserver 9.9.9.9\nsearch corp.example\noptions ndots:2 edns0\n";
const withoutComment = (text: string) => text.split("\n").slice(1, -1);

describe("resolv.conf", () => {
  test("is the host's on the host's network", () => {
    expect(withoutComment(resolvConfFile({ NetworkMode: "host" }, RESOLV))).toEqual([
      "nameserver 127.0.0.53",
      "nameserver 9.9.9.9",
      "search corp.example",
      "options ndots:2 edns0",
    ]);
  });

  test("has no loopback servers elsewhere, and the client's settings first of all", () => {
    expect(withoutComment(resolvConfFile({ NetworkMode: "none" }, RESOLV))[0]).toBe("nameserver 9.9.9.9");
    const own = { NetworkMode: "none", Dns: ["1.1.1.1"], DnsSearch: ["."], DnsOptions: ["rotate"] };
    expect(withoutComment(resolvConfFile(own, RESOLV))).toEqual(["nameserver 1.1.1.1", "options rotate"]);
  });
});

describe("hosts", () => {
  test("is the host's on its network, unless names were added", () => {
    expect(hostsFile({ NetworkMode: "host" }, "HOST\n")).toBe("HOST\n");
    const own = hostsFile({ NetworkMode: "host", ExtraHosts: ["db:10.0.0.1", "six:[::2]"] }, "HOST\n");
    expect(own).not.toContain("HOST");
    expect(own).toStartWith("127.0.0.1\tlocalhost\n");
    expect(own).toEndWith("10.0.0.1\tdb\n::2\tsix\n");
  });
});
