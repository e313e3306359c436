/** `load` and `import`: archives from a file or standard input. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { ProgressMessage } from "../../api/image-views.ts";
import { EngineError } from "../../base/errors.ts";
import { UsageError } from "../arguments.ts";
import { type CliContext, defineCommand } from "../command.ts";

export const load = defineCommand({
  usage: "load [OPTIONS]",
  summary: "Load an image from a tar archive or STDIN",
  flags: {
    input: { type: "string", short: "i", help: "Read from tar archive file, instead of STDIN" },
    platform: { type: "string", help: "Load only the given platform variant" },
    quiet: { type: "bool", short: "q", help: "Suppress the load output" },
  },
  positionals: [0, 0],
  async run(context, flags) {
    if (flags.input === undefined && context.terminal.stdinIsTerminal) {
      throw new UsageError("requested load from stdin, but stdin is empty");
    }
    const query = { quiet: true, platform: flags.platform };
    await printProgress(context, context.client.loadImages(source(context, flags.input), query));
    return 0;
  },
});

export const importImage = defineCommand({
  usage: "import [OPTIONS] file|- [REPOSITORY[:TAG]]",
  summary: "Import the contents from a tarball to create a filesystem image",
  flags: {
    change: { type: "list", short: "c", help: "Apply Dockerfile instruction to the created image" },
    message: { type: "string", short: "m", help: "Set commit message for imported image" },
    platform: { type: "string", help: "Set platform if server is multi-platform capable" },
  },
  positionals: [1, 2],
  async run(context, flags, [file = "-", reference = ""]) {
    if (/^https?:\/\//.test(file))
      throw new EngineError("unimplemented", "importing from a URL is not available in berth yet");
    const query = { repo: reference, message: flags.message, platform: flags.platform };
    const tar = source(context, file === "-" ? undefined : file);
    await printProgress(context, context.client.importImage(tar, query, flags.change));
    return 0;
  },
});

function source(context: CliContext, path: string | undefined): ReadableStream<Uint8Array> {
  if (path !== undefined)
    return Readable.toWeb(createReadStream(path)) as unknown as ReadableStream<Uint8Array>;
  return Readable.toWeb(Readable.from(context.terminal.input)) as unknown as ReadableStream<Uint8Array>;
}

async function printProgress(context: CliContext, messages: AsyncIterable<ProgressMessage>): Promise<void> {
  for await (const message of messages) {
    if (message.error !== undefined) throw new EngineError("internal", message.error);
    if (message.stream !== undefined) await context.out(message.stream);
    else if (message.status !== undefined && message.progressDetail === undefined)
      await context.out(`${message.status}\n`);
  }
}
