import { expect, test } from "bun:test";
import { createLogger, type LogLevel } from "./logger.ts";

function record(level: LogLevel, format: "text" | "json") {
  const lines: string[] = [];
  const logger = createLogger({
    level,
    format,
    write: (line) => lines.push(line),
    now: () => new Date("2026-01-02T03:04:05.678Z"),
  });
  return { logger, lines };
}

test("text has Docker's form and quotes where needed", () => {
  const { logger, lines } = record("info", "text");
  logger.info('says "hi"\n', {
    id: "abc/1:2",
    empty: "",
    text: "a b",
    missing: undefined,
    count: 3,
    ok: true,
  });
  expect(lines).toEqual([
    'time="2026-01-02T03:04:05.678Z" level=info msg="says \\"hi\\"\\n" id=abc/1:2 empty="" text="a b" count=3 ok=true\n',
  ]);
});

test("a value cannot forge a second line", () => {
  const { logger, lines } = record("info", "text");
  logger.warn("m", { name: "x\ntime=now level=info" });
  expect(lines.join("").split("\n")).toHaveLength(2);
});

test("json has one object a line, whose own keys win over fields", () => {
  const { logger, lines } = record("debug", "json");
  logger.error("boom", { code: 7, level: "debug" });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    time: "2026-01-02T03:04:05.678Z",
    level: "error",
    msg: "boom",
    code: 7,
  });
});

test("levels below the least are left out", () => {
  const { logger, lines } = record("warn", "text");
  logger.debug("a");
  logger.info("b");
  logger.warn("c");
  logger.error("d");
  expect(lines.map((line) => /msg="(.)"/.exec(line)?.[1])).toEqual(["c", "d"]);
});
