import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageStatus } from "./storage-status.ts";

const root = mkdtempSync(join(tmpdir(), "berth-status-"));
afterAll(() => rmSync(root, { recursive: true }));

test("Docker's words, with what the overlay module is set to", async () => {
  expect(await storageStatus("overlay2", "extfs", root)).toEqual([
    ["Backing Filesystem", "extfs"],
    ["Supports d_type", "true"],
    ["Using metacopy", "false"],
    ["Native Overlay Diff", "true"],
    ["userxattr", "false"],
  ]);
  const parameters = join(root, "sys/module/overlay/parameters");
  mkdirSync(parameters, { recursive: true });
  writeFileSync(join(parameters, "redirect_dir"), "Y\n");
  writeFileSync(join(parameters, "metacopy"), "Y\n");
  const status = new Map(await storageStatus("overlay2", "extfs", root));
  expect([status.get("Native Overlay Diff"), status.get("Using metacopy")]).toEqual(["false", "true"]);
});

test("vfs has nothing to tell", async () => expect(await storageStatus("vfs", "extfs", root)).toBeNull());
