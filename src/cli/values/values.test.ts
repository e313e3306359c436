/** Every reader of a flag's value: what it makes of it, and its words for what it cannot read. */
import { describe, expect, test } from "bun:test";
import { ValueError } from "../failure.ts";
import { checkDeviceRule, parseByteRate, parseGpus, parseOperationRate, parseWeight } from "./devices.ts";
import { parseMount } from "./mount.ts";
import { checkDnsSearch, checkExtraHost, checkIpAddress, checkLink, parseNetwork } from "./network.ts";
import {
  parseBool,
  parseBytes,
  parseCpus,
  parseDuration,
  parseInteger,
  parseSwap,
  parseUint16,
} from "./numbers.ts";
import { publishedPorts } from "./ports.ts";
import {
  checkLabel,
  checkStream,
  checkSysctl,
  checkVariable,
  parseRestartPolicy,
  parseUlimit,
} from "./settings.ts";
import { splitFields } from "./words.ts";

type Reader = (text: string) => unknown;

const read: readonly (readonly [Reader, string, unknown])[] = [
  [parseBool, "T", true],
  [parseBool, "0", false],
  [parseInteger, "-12", -12],
  [parseInteger, "0x1F", 31],
  [parseInteger, "010", 8],
  [parseInteger, "0", 0],
  [parseUint16, "65535", 65535],
  [parseBytes, "1.5k", 1536],
  [parseSwap, "-1", -1],
  [parseSwap, "2G", 2 ** 31],
  [parseCpus, "0.1", 1e8],
  [parseCpus, ".000000001", 1],
  [parseCpus, "3/2", 15e8],
  [parseCpus, "2e-1", 2e8],
  [parseDuration, "1h2m3.5s", 3_723_500_000_000],
  [parseDuration, "-5ms", -5e6],
  [parseDuration, "0", 0],
  [checkStream, "STDIN", "stdin"],
  [checkVariable, "A", "A"],
  [checkLabel, "a", "a"],
  [checkSysctl, "kernel.shmmax=1", "kernel.shmmax=1"],
  [parseUlimit, "core=-1", { Name: "core", Soft: -1, Hard: -1 }],
  [parseUlimit, "nofile=5:-1", { Name: "nofile", Soft: 5, Hard: -1 }],
  [parseRestartPolicy, "unless-stopped", { Name: "unless-stopped", MaximumRetryCount: 0 }],
  [checkIpAddress, " 1.2.3.4 ", "1.2.3.4"],
  [checkIpAddress, "fe80::1", "fe80::1"],
  [checkExtraHost, "a=[::1]", "a:::1"],
  [checkExtraHost, "a:host-gateway", "a:host-gateway"],
  [checkDnsSearch, "example.com.", "example.com"],
  [checkDnsSearch, ".", "."],
  [checkLink, "a:b", "a:b"],
  [checkDeviceRule, "a *:* rwm", "a *:* rwm"],
  [parseByteRate, "/dev/sda:1mb", { Path: "/dev/sda", Rate: 1 << 20 }],
  [parseOperationRate, "/dev/sda:5", { Path: "/dev/sda", Rate: 5 }],
  [parseWeight, "/dev/sda:10", { Path: "/dev/sda", Weight: 10 }],
  [splitFields, 'a,"b,""c""",', ["a", 'b,"c"', ""]],
  [
    parseMount,
    "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770",
    {
      Type: "tmpfs",
      Target: "/t",
      TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o1770 },
    },
  ],
  [
    parseMount,
    "type=bind,src=/a,dst=/b,bind-recursive=readonly,bind-propagation=rprivate,ro",
    {
      Type: "bind",
      Source: "/a",
      Target: "/b",
      ReadOnly: true,
      BindOptions: { ReadOnlyForceRecursive: true, Propagation: "rprivate" },
    },
  ],
  [
    parseMount,
    'target=/v,volume-driver=d,"volume-opt=o=x,y",volume-label=a=b',
    {
      Type: "volume",
      Target: "/v",
      VolumeOptions: { DriverConfig: { Name: "d", Options: { o: "x,y" } }, Labels: { a: "b" } },
    },
  ],
  [(text) => parseNetwork(text).target, "name=Mine,ip=10.0.0.1", "mine"],
  [(text) => parseGpus(text).DeviceIDs, '"device=0,1"', ["0", "1"]],
];

const refused: readonly (readonly [Reader, string, string])[] = [
  [parseBool, "yes", 'strconv.ParseBool: parsing "yes": invalid syntax'],
  [parseInteger, "1e3", 'strconv.ParseInt: parsing "1e3": invalid syntax'],
  [parseInteger, "", 'strconv.ParseInt: parsing "": invalid syntax'],
  [parseInteger, "99999999999999999999", "value out of range"],
  [parseUint16, "65536", "value out of range"],
  [parseUint16, "-1", 'strconv.ParseUint: parsing "-1": invalid syntax'],
  [parseBytes, "x", "invalid size: 'x'"],
  [parseCpus, "x", "failed to parse x as a rational number"],
  [parseCpus, "1/0", "failed to parse 1/0 as a rational number"],
  [parseCpus, "1.0000000001", "value is too precise"],
  [parseCpus, "1/3", "value is too precise"],
  [parseDuration, "5", 'time: invalid duration "5"'],
  [checkStream, "x", "valid streams are STDIN, STDOUT and STDERR"],
  [checkVariable, "=x", "invalid environment variable: =x"],
  [checkLabel, "=x", "invalid label '=x': empty name"],
  [checkSysctl, "vm.swappiness=1", "sysctl 'vm.swappiness=1' is not allowed"],
  [checkSysctl, "net.x", "sysctl 'net.x' is not allowed"],
  [parseUlimit, "nofile", "invalid ulimit argument: nofile"],
  [parseUlimit, "files=1", "invalid ulimit type: files"],
  [parseUlimit, "nofile=-1:5", "ulimit soft limit must be less than or equal to hard limit: -1 > 5"],
  [checkIpAddress, "1.2.3.256", "IP address is not correctly formatted: 1.2.3.256"],
  [checkIpAddress, "1.2.3.4.", "IP address is not correctly formatted"],
  [checkExtraHost, "a", 'bad format for add-host: "a"'],
  [checkExtraHost, "a:b", 'invalid IP address in add-host: "b"'],
  [checkDnsSearch, "a b", "a b is not a valid domain"],
  [checkLink, "a:b:c", "bad format for links: a:b:c"],
  [checkDeviceRule, "x", "invalid device cgroup format 'x'"],
  [parseByteRate, "sda:1", "bad format for device path: sda:1"],
  [parseOperationRate, "/dev/sda:1k", "invalid rate for device: /dev/sda:1k"],
  [parseWeight, "/dev/sda:9", "invalid weight for device: /dev/sda:9"],
  [parseGpus, "x", "invalid count (x)"],
  [parseGpus, "count=1,2", "gpu request key 'count' can be specified only once"],
  [parseMount, "", "value is empty"],
  [parseMount, "type=bind", "target is required"],
  [parseMount, "target=/x,source", "invalid field 'source' must be a key=value pair"],
  [parseMount, "target=/x,constructor=1", "unexpected key 'constructor' in 'constructor=1'"],
  [parseMount, "target= /x", "value should not have whitespace"],
  [parseMount, "type=bind,target=/x,tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'bind'"],
  [parseMount, "type=bind,target=/x,bind-recursive=writable", "requires 'readonly'"],
  [parseMount, 'target="/x', 'bare " in'],
  [parseNetwork, "alias=x", "network name/id is not specified"],
  [parseNetwork, "name=a,nonsense=b", "invalid field key nonsense"],
];

describe("reads", () => {
  test.each(read)("%p %s", (reader, text, value) => expect(reader(text)).toEqual(value));
});

describe("refuses", () => {
  test.each(refused)("%p %s", (reader, text, message) => {
    expect(() => reader(text)).toThrow(message);
    expect(() => reader(text)).toThrow(ValueError);
  });
});

describe("published ports", () => {
  const bindings = (...publish: readonly string[]) => publishedPorts(publish, []).bindings;

  test.each([
    ["80", { "80/tcp": [{ HostIp: "", HostPort: "" }] }],
    ["[::1]:443:443", { "443/tcp": [{ HostIp: "::1", HostPort: "443" }] }],
    ["127.0.0.1::53/UDP", { "53/udp": [{ HostIp: "127.0.0.1", HostPort: "" }] }],
    ["7000-7010:70", { "70/tcp": [{ HostIp: "", HostPort: "7000-7010" }] }],
    ["published=81,target=82,protocol=sctp", { "82/sctp": [{ HostIp: "", HostPort: "81" }] }],
    ["8-9:18-19", { "18/tcp": [{ HostIp: "", HostPort: "8" }], "19/tcp": [{ HostIp: "", HostPort: "9" }] }],
  ] as const)("%s", (text, expected) =>
    expect(bindings(text)).toEqual(expected as object as ReturnType<typeof bindings>),
  );

  test("one port may be published twice", () => {
    expect(bindings("1:80", "2:80")["80/tcp"]).toHaveLength(2);
  });

  test.each([
    ["", "no port specified: <empty>"],
    ["65536", "invalid containerPort: 65536"],
    ["2-1:80", "invalid hostPort: 2-1"],
    ["x:1:1", "invalid IP address: x"],
    ["1/icmp", "invalid proto: icmp"],
    ["published=1,target", "invalid publish opts format (should be name=value but got 'target')"],
  ])("refuses %s", (text, message) => expect(() => bindings(text)).toThrow(message));
});
