import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDaemonOptions } from "./daemon-options.ts";

const scratch = mkdtempSync(join(tmpdir(), "berth-options-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let files = 0;
function configFile(content: string): string {
  const path = join(scratch, `${++files}.json`);
  writeFileSync(path, content);
  return path;
}

test("defaults are the documented ones", () => {
  expect(parseDaemonOptions(["--config-file", configFile("{}")])).toEqual({
    hosts: ["unix:///run/berth/berth.sock"],
    dataRoot: "/var/lib/berth",
    execRoot: "/run/berth",
    pidfile: undefined,
    group: undefined,
    logLevel: "info",
    logFormat: "text",
  });
});

test("hosts repeat, file and flags add up", () => {
  const file = configFile(JSON.stringify({ "data-root": "/x/", "log-level": "debug", "live-restore": true }));
  const options = parseDaemonOptions([
    "-H",
    "unix:///a",
    "--host",
    "tcp://127.0.0.1:1",
    "--config-file",
    file,
  ]);
  expect(options.hosts).toEqual(["unix:///a", "tcp://127.0.0.1:1"]);
  expect(options.dataRoot).toBe("/x");
  expect(options.logLevel).toBe("debug");
});

test("debug is the level of the same name, whatever else is said", () => {
  const file = configFile(JSON.stringify({ debug: true, "log-level": "error" }));
  expect(parseDaemonOptions(["--config-file", file]).logLevel).toBe("debug");
  expect(parseDaemonOptions(["-D", "--config-file", configFile("{}")]).logLevel).toBe("debug");
});

const refused: readonly (readonly [string, string[], string])[] = [
  ['{"nonsense": 1}', [], "don't match any configuration option: nonsense"],
  ['{"registry-mirrors": []}', [], '"registry-mirrors" is not available in berth yet'],
  ['{"group": 3}', [], '"group" must be a string'],
  ['{"debug": "yes"}', [], '"debug" must be true or false'],
  [
    '{"debug": true}',
    ["-D"],
    "both as a flag and in the configuration file: debug: (from flag: true, from file: true)",
  ],
  ["[1]", [], "not a JSON object"],
  ["{", [], "unable to configure the daemon with file"],
  [
    '{"group": "a"}',
    ["--group", "b"],
    "specified both as a flag and in the configuration file: group: (from flag: b, from file: a)",
  ],
  ["{}", ["--log-level", "loud"], 'invalid log-level: "loud"'],
  ["{}", ["--data-root", "x"], "data-root must be an absolute path"],
  ["{}", ["--nonsense"], "nonsense"],
  ["{}", ["positional"], "positional"],
];

test.each(refused)("refuses %s %j", (content, flags, message) => {
  expect(() => parseDaemonOptions([...flags, "--config-file", configFile(content)])).toThrow(message);
});

test("a named file must exist", () => {
  expect(() => parseDaemonOptions(["--config-file", "/nonexistent/daemon.json"])).toThrow(
    "/nonexistent/daemon.json",
  );
});
