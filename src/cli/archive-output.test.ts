import { afterEach, beforeEach, expect, test } from "bun:test";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScripted } from "./testing/scripted-cli.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-archive-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const answers = { "GET /images/get": { text: "TAR" }, "GET /containers/web/export": { text: "TAR" } };

test("to standard output, but not to a terminal", async () => {
  const { out, requests } = await runScripted(["save", "a", "b"], { answers });
  expect(out).toBe("TAR");
  expect(requests[0]?.path).toBe("/v1.50/images/get?names=a&names=b");
  const refused = await runScripted(["export", "web"], { answers, terminals: ["stdout"] });
  expect(refused).toMatchObject({
    code: 1,
    err: "cowardly refusing to save to a terminal. Use the -o flag or redirect\n",
    requests: [],
  });
});

test("to a file that is its owner's alone and appears whole", async () => {
  const path = join(directory, "x.tar");
  expect((await runScripted(["save", "-o", path, "a"], { answers })).code).toBe(0);
  expect(readFileSync(path, "utf8")).toBe("TAR");
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
  const failed = await runScripted(["export", "-o", path, "other"], { answers });
  expect(failed.code).toBe(1);
  expect(readFileSync(path, "utf8")).toBe("TAR");
  expect(readdirSync(directory)).toEqual(["x.tar"]);
});

test("names that cannot be written to", async () => {
  symlinkSync("x", join(directory, "link"));
  const complaint = async (path: string) => (await runScripted(["save", "-o", path, "a"], { answers })).err;
  expect(await complaint(directory)).toBe("failed to save image: cannot write to a directory\n");
  expect(await complaint(join(directory, "link"))).toBe(
    "failed to save image: cannot write to a symbolic link directly\n",
  );
  expect(await complaint("/nonexistent/x")).toBe(
    "failed to save image: invalid output path: stat /nonexistent: no such file or directory\n",
  );
  expect(await complaint("/dev/null")).toBe(
    "failed to save image: cannot write to a character device file\n",
  );
});
