/** A tar from a container → files of this machine. The container is not trusted: nothing is written through a link. */
import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeSync,
} from "node:fs";
import { EngineError } from "../../base/errors.ts";
import { toBuffer, toText } from "./byte-text.ts";
import { type CopyPlan, renamed } from "./copy-paths.ts";
import { makeSpecial, setAttribute, setTimes } from "./file-attributes.ts";
import { type IncomingMember, readMembers } from "./read-members.ts";

/**
 * Unpacks a tar in the directory of the plan, under the names that the plan has. What is there and no directory is replaced; a
 * directory never takes a file's place, nor a file that of a directory. Owner is the caller. Throws invalid for names that lead out.
 */
export async function unpackTree(tar: AsyncIterable<Uint8Array>, plan: CopyPlan): Promise<void> {
  const unpacker = new TreeUnpacker(plan.directory);
  for await (const member of readMembers(tar)) {
    await unpacker.add(member, renamed(member.name, plan.rename), renamed(member.linkName, plan.rename));
  }
  unpacker.finish();
}

const invalid = (message: string) => new EngineError("invalid", message);

class TreeUnpacker {
  /** Directories that are known to be real ones, and below the root. */
  readonly #directories = new Set<string>();
  /** Their modes and times come last: a directory without write permission could not be filled. */
  readonly #finishing: { path: string; mode: number; mtimeNs: bigint }[] = [];

  constructor(private readonly root: string) {
    this.#directories.add(root);
  }

  async add(member: IncomingMember, name: string, linkName: string): Promise<void> {
    const path = this.#pathOf(name);
    const there = statusOf(path);
    if (there !== undefined && path !== this.root) this.#makeRoom(path, there, member.type === "directory");
    if (member.type === "directory") {
      // The directory that was named stays as it is: its contents are what is copied.
      if (path === this.root) return;
      if (there === undefined) mkdirSync(toBuffer(path), { mode: 0o700 });
      this.#directories.add(path);
      this.#attributes(path, member);
      this.#finishing.push({ path, mode: member.mode, mtimeNs: member.mtimeNs });
      return;
    }
    if (path === this.root) throw invalid(`${toText(name)}: the archive's root is no directory`);
    await this.#make(path, member, linkName);
  }

  finish(): void {
    for (const { path, mode, mtimeNs } of this.#finishing.reverse()) {
      chmodSync(toBuffer(path), mode);
      setTimes(path, mtimeNs);
    }
  }

  async #make(path: string, member: IncomingMember, linkName: string): Promise<void> {
    if (member.type === "hardlink") {
      linkSync(toBuffer(this.#pathOf(linkName)), toBuffer(path));
      return;
    }
    if (member.type === "symlink") symlinkSync(toBuffer(member.linkName), toBuffer(path));
    else if (member.type === "file") await writeNew(path, member.body);
    else if (member.type !== "directory") makeSpecial(path, member.type, member.major, member.minor);
    this.#attributes(path, member);
    if (member.type !== "symlink") chmodSync(toBuffer(path), member.mode);
    setTimes(path, member.mtimeNs);
  }

  #attributes(path: string, { xattrs }: IncomingMember): void {
    for (const [name, value] of xattrs) setAttribute(path, name, value);
  }

  #makeRoom(path: string, there: Stats, forDirectory: boolean): void {
    if (there.isDirectory() && !forDirectory) {
      throw invalid(`cannot overwrite directory "${toText(path)}" with non-directory "${toText(this.root)}"`);
    }
    if (!there.isDirectory() && forDirectory) {
      throw invalid(`cannot overwrite non-directory "${toText(path)}" with directory "${toText(this.root)}"`);
    }
    if (!there.isDirectory()) rmSync(toBuffer(path));
  }

  /** The place of a name below the root, its directories made where they are missing. */
  #pathOf(name: string): string {
    const words = name.split("/").filter((word) => word !== "" && word !== ".");
    if (words.includes("..")) throw invalid(`${toText(name)}: the name leads out of the directory`);
    let path = this.root;
    for (const [index, word] of words.entries()) {
      path = path.endsWith("/") ? path + word : `${path}/${word}`;
      if (index < words.length - 1) this.#requireDirectory(path);
    }
    return path;
  }

  #requireDirectory(path: string): void {
    if (this.#directories.has(path)) return;
    const there = statusOf(path);
    if (there === undefined) mkdirSync(toBuffer(path), { mode: 0o755 });
    else if (!there.isDirectory())
      throw invalid(`${toText(path)} is no directory: nothing is written through it`);
    this.#directories.add(path);
  }
}

/** undefined where nothing is. */
function statusOf(path: string): Stats | undefined {
  return lstatSync(toBuffer(path), { throwIfNoEntry: false });
}

async function writeNew(path: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const descriptor = openSync(toBuffer(path), flags, 0o600);
  try {
    for await (const piece of body) {
      for (let at = 0; at < piece.length; ) at += writeSync(descriptor, piece, at);
    }
  } finally {
    closeSync(descriptor);
  }
}
