/** Trees with everything that a file can have, and what they look like to find(1). */
import { dlopen, FFIType } from "bun:ffi";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../support/run-command.ts";
import { run } from "../kernel/kernel-fixture.ts";

const libc = dlopen("libc.so.6", {
  lsetxattr: {
    args: [FFIType.cstring, FFIType.cstring, FFIType.ptr, FFIType.u64, FFIType.i32],
    returns: FFIType.i32,
  },
});

/** `value` in hex digits. */
export function setXattr(path: string, name: string, value: string): void {
  const bytes = Uint8Array.fromHex(value);
  const result = libc.symbols.lsetxattr(
    Buffer.from(`${path}\0`),
    Buffer.from(`${name}\0`),
    bytes,
    bytes.length,
    0,
  );
  if (result !== 0) throw new Error(`cannot set ${name} of ${path}`);
}

/** cap_net_raw=ep, as the kernel writes it (VFS_CAP_REVISION_2). */
export const CAPABILITY = "0100000200200000000000000000000000000000";

export const LONG = "n".repeat(200);

export function fillTree(root: string): void {
  const at = (name: string) => join(root, name);
  mkdirSync(at("dir/deep/er"), { recursive: true });
  writeFileSync(at("dir/file"), "contents\n", { mode: 0o640 });
  run("ln", at("dir/file"), at("dir/another-name"));
  run("ln", at("dir/file"), at("z-last-name"));
  writeFileSync(at("empty"), "");
  writeFileSync(at("setuid"), "x");
  run("chown", "1000:2000", at("setuid"));
  run("chmod", "6755", at("setuid"));
  mkdirSync(at("sticky"));
  run("chmod", "1777", at("sticky"));
  writeFileSync(at("large-ids"), "ids");
  run("chown", "3000000:4000000000", at("large-ids"));
  symlinkSync("dir/file", at("link"));
  symlinkSync("t".repeat(300), at("long-link"));
  run("chown", "-h", "5:6", at("link"));
  run("ln", "-P", at("link"), at("second-name-of-a-link"));
  run("mkfifo", "-m", "600", at("fifo"));
  run("mknod", "-m", "666", at("null"), "c", "1", "3");
  run("mknod", "-m", "640", at("disk"), "b", "259", "70000");
  mkdirSync(at(LONG));
  writeFileSync(at(`${LONG}/${LONG}`), "in a long name");
  writeFileSync(at("new\nline \\ ünï"), "odd name");
  writeFileSync(at("big"), new Uint8Array(700_001).fill(7));
  writeFileSync(at("capable"), "program");
  setXattr(at("capable"), "security.capability", CAPABILITY);
  setXattr(at("dir/file"), "user.note", Buffer.from("a\nvalue\0with all").toHex());
  setXattr(at("dir"), "user.of-a-directory", "00ff");
  run("touch", "-d", "2001-02-03T04:05:06.789012345Z", at("dir/file"));
  run("touch", "-d", "1999-12-31T23:59:59Z", at("empty"));
  run("touch", "-h", "-d", "2002-03-04T05:06:07.000000001Z", at("link"));
  run("touch", "-d", "2038-01-19T03:14:08.5Z", at("dir"));
  run("touch", "-d", "2000-01-01T00:00:00.25Z", root);
}

/** All that find(1) says of each file, sorted; the numbers of inodes are replaced by the first name that has it. */
export async function listing(root: string): Promise<string[]> {
  const text = await mustRun(["find", ".", "-printf", "%p|%y|%m|%U:%G|%T@|%s|%l|%n|%i\\0"], { cwd: root });
  const lines = text.split("\0").slice(0, -1).sort();
  const first = new Map<string, string>();
  return lines.map((line) => {
    const fields = line.split("|");
    const [path = "", type = ""] = fields;
    const inode = fields.pop() ?? "";
    if (!first.has(inode)) first.set(inode, path);
    // A directory's size and links are its file system's own affair.
    if (type === "d") fields.splice(5, 3);
    return [...fields, first.get(inode)].join("|");
  });
}
