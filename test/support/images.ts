/** Real images for tests, made of Debian packages: there is no registry to ask. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mustRun } from "./run-command.ts";

const APPLETS = (
  "sh ls cat echo true false sleep env id pwd hostname head tail wc md5sum sha256sum mount umount mkdir touch rm ps kill " +
  "test dd stat readlink tty stty printf seq yes grep sed sync mknod chmod chown ln cp mv date nproc free df ifconfig ip nc trap tr sort uname"
).split(" ");

/** A root directory with Debian's static busybox; the caller removes it. */
export function makeBusyboxRoot(parent: string): string {
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find(existsSync);
  if (busybox === undefined) throw new Error("busybox-static is not installed: make test installs it");
  const root = mkdtempSync(join(parent, "busybox-"));
  chmodSync(root, 0o755);
  for (const directory of ["bin", "etc", "root", "home/alice", "var", "usr"])
    mkdirSync(join(root, directory), { recursive: true });
  mkdirSync(join(root, "tmp"));
  chmodSync(join(root, "tmp"), 0o1777);
  copyFileSync(busybox, join(root, "bin/busybox"));
  chmodSync(join(root, "bin/busybox"), 0o755);
  for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
  );
  writeFileSync(join(root, "etc/group"), "root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n");
  return root;
}

/** The same as one tar, for `docker import`; `change` may alter the root before. The file is called `name`. */
export async function busyboxTar(
  parent: string,
  change: (root: string) => void = () => {},
  name = "busybox.tar",
): Promise<string> {
  const root = makeBusyboxRoot(parent);
  change(root);
  const tar = join(parent, name);
  await mustRun(["tar", "-C", root, "--numeric-owner", "--owner=0", "--group=0", "-cf", tar, "."]);
  rmSync(root, { recursive: true });
  return tar;
}

/** A Debian root file system as a tar, made once per machine and kept (it takes half a minute). */
export async function debianTar(): Promise<string> {
  const path = "/var/tmp/berth-test-debian-bookworm.tar";
  if (existsSync(path)) return path;
  const partial = `${path}.${process.pid}.tar`;
  const flags = ["--variant=minbase", "--quiet", '--aptopt=Acquire::Retries "3"'];
  await mustRun(["mmdebstrap", ...flags, "bookworm", partial]);
  await mustRun(["mv", partial, path]);
  return path;
}
