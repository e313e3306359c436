/** The program's entry: `berth daemon` becomes the daemon, everything else is a command of the command line. */
import { fromUnknown } from "../base/errors.ts";
import { runCli } from "../cli/cli.ts";
import { BunTransport } from "../client/bun-transport.ts";
import { parseDaemonAddress } from "../client/docker-host.ts";
import { EngineClient } from "../client/engine-client.ts";
import { BUILD_INFO } from "./build-info.ts";
import { ProcessTerminal, writeAll } from "./process-terminal.ts";

const DEFAULT_HOST = "unix:///run/berth/berth.sock";

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === "daemon") {
    // Only the daemon pays for the daemon's code.
    const { runDaemon } = await import("./daemon.ts");
    return await runDaemon(argv.slice(1));
  }
  const { host, rest } = takeHost(argv);
  const address = parseDaemonAddress(
    host ?? process.env.DOCKER_HOST ?? process.env.BERTH_HOST ?? DEFAULT_HOST,
  );
  return await runCli(rest, {
    client: new EngineClient(new BunTransport(address)),
    out: (data) => writeAll(1, data),
    err: (data) => writeAll(2, data),
    terminal: new ProcessTerminal(),
    environment: process.env,
    helloImage: async () => (await import("./hello-image-file.ts")).helloImage(),
    build: BUILD_INFO,
  });
}

/** `-H`/`--host` may stand before the command, as in Docker. */
function takeHost(argv: readonly string[]): { host: string | undefined; rest: readonly string[] } {
  const [first = "", second] = argv;
  if (first === "-H" || first === "--host") return { host: second, rest: argv.slice(2) };
  if (first.startsWith("--host=")) return { host: first.slice("--host=".length), rest: argv.slice(1) };
  return { host: undefined, rest: argv };
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  async (error: unknown) => {
    // The reader of our output has gone (`berth ps | head`): there is nobody left to tell.
    if ((error as NodeJS.ErrnoException)?.code === "EPIPE") process.exit(141);
    await writeAll(2, `berth: ${fromUnknown(error).message}\n`);
    process.exit(1);
  },
);
