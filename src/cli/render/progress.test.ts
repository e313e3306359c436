import { describe, expect, test } from "bun:test";
import type { ProgressMessage } from "../../api/image-views.ts";
import { ProgressScreen, progressBar, showProgress } from "./progress.ts";

describe("progressBar", () => {
  const half = { current: 50_000_000, total: 100_000_000 };
  test.each([
    [{}, 200, ""],
    [{ current: 1_500_000 }, 200, "   1.5MB"],
    [{ current: 3, units: "steps" }, 200, "3 steps"],
    [half, 111, `[${"=".repeat(25)}>${" ".repeat(25)}]     50MB/100MB`],
    [half, 110, "    50MB/100MB"],
    [{ current: 2, total: 1 }, 80, "      2B"],
    [{ current: 2, total: 1, units: "steps" }, 80, "2 steps"],
    [{ current: 1, total: 4, units: "steps" }, 80, "1/4 steps"],
    [{ current: 1, total: 1, hidecounts: true }, 111, `[${"=".repeat(50)}>] `],
  ] as const)("%j in %d columns", (detail, columns, text) => {
    expect(progressBar(detail, columns)).toBe(text);
  });

  test("estimates the time left, and not in a narrow terminal", () => {
    expect(progressBar({ ...half, start: 1000 }, 80, 1_070_000)).toBe("    50MB/100MB 1m10s");
    expect(progressBar({ ...half, start: 1000 }, 50, 1_070_000)).toBe("    50MB/100MB");
  });
});

const PULL: readonly ProgressMessage[] = [
  { status: "Pulling from library/busybox", id: "latest" },
  { status: "Pulling fs layer", progressDetail: {}, id: "aaaa" },
  { status: "Pulling fs layer", progressDetail: {}, id: "bbbb" },
  { status: "Downloading", progressDetail: { current: 1, total: 2 }, progress: "[=>]", id: "aaaa" },
  { status: "Download complete", progressDetail: {}, id: "aaaa" },
  { status: "Digest: sha256:x" },
];

describe("ProgressScreen", () => {
  test("without a terminal: a line for each step, no bars", () => {
    const screen = new ProgressScreen();
    expect(PULL.map((message) => screen.textOf(message, undefined)).join("")).toBe(
      "latest: Pulling from library/busybox\naaaa: Pulling fs layer\nbbbb: Pulling fs layer\naaaa: Download complete\nDigest: sha256:x\n",
    );
  });

  test("on a terminal: one line for each id, drawn again in its place", () => {
    const screen = new ProgressScreen();
    expect(PULL.map((message) => screen.textOf(message, 80))).toEqual([
      "latest: Pulling from library/busybox\n",
      "\n\u001b[1A\u001b[2K\raaaa: Pulling fs layer \r\u001b[1B",
      "\n\u001b[1A\u001b[2K\rbbbb: Pulling fs layer \r\u001b[1B",
      "\u001b[2A\u001b[2K\raaaa: Downloading       1B/2B\r\u001b[2B",
      "\u001b[2A\u001b[2K\raaaa: Download complete \r\u001b[2B",
      "Digest: sha256:x\n",
    ]);
  });

  test("a stream's text goes as it is", () => {
    expect(new ProgressScreen().textOf({ stream: "Loaded image: a\n" }, 80)).toBe("Loaded image: a\n");
  });
});

test("showProgress hands on aux values and throws the failure at the end", async () => {
  async function* messages(): AsyncGenerator<ProgressMessage> {
    yield { status: "one" };
    yield { aux: { Tag: "x" } };
    yield { errorDetail: { message: "no such thing" }, error: "no such thing" };
    yield { status: "never" };
  }
  let written = "";
  const seen: unknown[] = [];
  const output = {
    write: async (text: string) => {
      written += text;
    },
    columns: () => undefined,
  };
  await expect(showProgress(messages(), output, (value) => seen.push(value))).rejects.toThrow(
    "no such thing",
  );
  expect(written).toBe("one\n");
  expect(seen).toEqual([{ Tag: "x" }]);
});
