/** `cp`: trees of files from and to containers, as tar streams. */
import { posix } from "node:path";
import { GO_MODE, type PathStat } from "../../api/file-views.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { fromText, toText } from "../copy/byte-text.ts";
import { type CopyTarget, keepEnding, linkedPath, planCopy, splitCopyArgument } from "../copy/copy-paths.ts";
import { CopyProgress } from "../copy/copy-progress.ts";
import { checkOutputPath, localPath, localSource, localTarget } from "../copy/local-ends.ts";
import { packTree } from "../copy/pack-tree.ts";
import { unpackTree } from "../copy/unpack-tree.ts";
import { CliFailure } from "../failure.ts";
import { toggle } from "../flags.ts";

export const copy = defineCommand({
  arguments: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tberth cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  flags: {
    archive: toggle("Keep user and group of each file", { short: "a" }),
    "follow-link": toggle("Copy what a link in SRC_PATH points to", { short: "L" }),
    quiet: toggle("Show no progress (default without a terminal)", { short: "q" }),
  },
  positionals: [2, 2],
  async run(context, flags, [source = "", destination = ""]) {
    if (source === "") throw new CliFailure("source can not be empty");
    if (destination === "") throw new CliFailure("destination can not be empty");
    const from = splitCopyArgument(source);
    const to = splitCopyArgument(destination);
    const options = {
      archive: flags.archive === true,
      followLink: flags["follow-link"] === true,
      quiet: flags.quiet ?? !context.terminal.isTerminal("stdout"),
    };
    if (from.container !== "" && to.container !== "") {
      throw new CliFailure("copying between containers is not supported");
    }
    if (from.container !== "") await copyOut(context, from, to.path, options);
    else if (to.container !== "") await copyIn(context, from.path, to, options);
    else throw new CliFailure("must specify at least one container source");
    return 0;
  },
});

type InContainer = ReturnType<typeof splitCopyArgument>;

interface CopyOptions {
  readonly archive: boolean;
  readonly followLink: boolean;
  readonly quiet: boolean;
}

const has = ({ mode }: PathStat, kind: keyof typeof GO_MODE) => (mode & GO_MODE[kind]) !== 0;

/** What is at a path, or undefined: a missing container shows when the copy itself is asked for. */
function find({ client }: CliContext, container: string, path: string): Promise<PathStat | undefined> {
  return client.statContainerPath(container, path).catch(() => undefined);
}

async function copyOut(
  context: CliContext,
  from: InContainer,
  destination: string,
  options: CopyOptions,
): Promise<void> {
  const { client, terminal, workingDirectory } = context;
  const target = destination === "-" ? undefined : localPath(workingDirectory(), destination);
  if (target !== undefined) checkOutputPath(target);
  const { path, rebaseName } = options.followLink
    ? await followed(context, from)
    : { path: from.path, rebaseName: "" };
  const { tar, stat } = await client.readContainerPath(from.container, path);
  if (target === undefined) {
    for await (const chunk of tar.body) await terminal.stream("stdout", chunk);
    return;
  }
  const isDirectory = has(stat, "directory");
  const unpack = (body: AsyncIterable<Uint8Array>) =>
    unpackTree(
      body,
      planCopy({ path: fromText(path), isDirectory, rebaseName: fromText(rebaseName) }, localTarget(target)),
    );
  if (options.quiet) return await unpack(tar.body);
  await withProgress(context, "Copying from container - ", toText(target), (progress) =>
    unpack(progress.count(tar.body)),
  );
}

/** Where a link in a container leads, with the name that was asked for where it leads to another. */
async function followed(
  context: CliContext,
  { container, path }: InContainer,
): Promise<{ readonly path: string; readonly rebaseName: string }> {
  const stat = await find(context, container, path);
  if (stat === undefined || !has(stat, "symlink")) return { path, rebaseName: "" };
  const resolved = keepEnding(linkedPath(path, stat.linkTarget), path);
  const asked = posix.basename(path);
  return { path: resolved, rebaseName: asked === posix.basename(resolved) ? "" : asked };
}

async function copyIn(
  context: CliContext,
  source: string,
  to: InContainer,
  options: CopyOptions,
): Promise<void> {
  const { client, terminal, workingDirectory } = context;
  const local = source === "-" ? undefined : localPath(workingDirectory(), source);
  const target = await targetIn(context, to);
  const query = { noOverwriteDirNonDir: "true", copyUIDGID: options.archive ? "true" : undefined };
  const send = (path: string, tar: AsyncIterable<Uint8Array>) =>
    client.writeContainerPath(to.container, tar, { path, ...query });
  if (local === undefined) {
    if (!target.isDirectory) {
      throw new CliFailure(`destination "${to.container}:${to.path}" must be a directory`);
    }
    return await send(target.path, terminal.input());
  }
  const from = localSource(local, options.followLink);
  const plan = planCopy(from, { ...target, path: fromText(target.path) });
  const tar = packTree(from.path, plan.rename);
  const directory = toText(plan.directory);
  if (options.quiet) return await send(directory, tar);
  await withProgress(context, "Copying to container - ", `${to.container}:${target.path}`, (progress) =>
    send(directory, progress.count(tar)),
  );
}

/** Where a copy is to go in a container, a link followed once as Docker does. */
async function targetIn(context: CliContext, { container, path }: InContainer): Promise<CopyTarget> {
  let target = path;
  let stat = await find(context, container, path);
  if (stat !== undefined && has(stat, "symlink")) {
    target = linkedPath(path, stat.linkTarget);
    stat = await find(context, container, target);
  }
  if (stat !== undefined && (has(stat, "device") || has(stat, "irregular"))) {
    const what = has(stat, "device") ? "got a device" : "got an irregular file";
    throw new CliFailure(`destination "${container}:${path}" must be a directory or a regular file: ${what}`);
  }
  return {
    path: target,
    exists: stat !== undefined,
    isDirectory: stat !== undefined && has(stat, "directory"),
  };
}

async function withProgress(
  context: CliContext,
  header: string,
  destination: string,
  act: (progress: CopyProgress) => Promise<void>,
): Promise<void> {
  const progress = new CopyProgress(context, header);
  await progress.begin();
  try {
    await act(progress);
  } catch (error) {
    await progress.erase();
    throw error;
  }
  await progress.end(destination);
}
