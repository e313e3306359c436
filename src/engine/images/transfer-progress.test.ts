import { expect, test } from "bun:test";
import type { ProgressMessage } from "../../api/image-views.ts";
import { TransferProgress } from "./transfer-progress.ts";

function progressUnderTest() {
  const said: ProgressMessage[] = [];
  const clock = { nowMs: 0 };
  const digest = `sha256:${"abcdef012345".repeat(5)}abcd`;
  return {
    said,
    clock,
    progress: new TransferProgress(
      digest,
      (message) => said.push(message),
      () => clock.nowMs,
    ),
  };
}

test("stages are told as they come", () => {
  const { said, progress } = progressUnderTest();
  progress.stage("Waiting");
  expect(said).toEqual([{ status: "Waiting", progressDetail: {}, id: "abcdef012345" }]);
});

test("bytes are told ten times a second, the last ones always", () => {
  const { said, clock, progress } = progressUnderTest();
  for (let bytes = 0; bytes <= 1000; bytes++) {
    clock.nowMs = bytes;
    progress.bytes("Downloading", bytes, 1000);
  }
  expect(said.map((message) => message.progressDetail?.current)).toEqual([
    0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000,
  ]);
  progress.bytes("Extracting", 1, 1000);
  expect(said.at(-1)?.status).toBe("Extracting");
});

test("without a total, or beyond it, there is no bar", () => {
  const { said, progress } = progressUnderTest();
  progress.bytes("Pushing", 1500, undefined);
  progress.bytes("Pushing again", 1500, 1000);
  expect(said.map(({ progress, progressDetail }) => [progress, progressDetail])).toEqual([
    ["   1.5kB", { current: 1500 }],
    ["   1.5kB", { current: 1500 }],
  ]);
});
