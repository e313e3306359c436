/** The program's entry: `berth daemon` becomes the daemon, everything else is a command of the command line. */
import { EngineError, fromUnknown } from "../base/errors.ts";
import { runCli } from "../cli/cli.ts";
import { CliFailure } from "../cli/failure.ts";
import { globalFailureText, parseGlobalArguments } from "../cli/global-flags.ts";
import { BunTransport } from "../client/bun-transport.ts";
import { type DaemonAddress, parseDaemonAddress } from "../client/docker-host.ts";
import { EngineClient } from "../client/engine-client.ts";
import { BUILD_INFO } from "./build-info.ts";
import { ProcessTerminal } from "./process-terminal.ts";
import { writeAll } from "./write-all.ts";

const DEFAULT_HOST = "unix:///run/berth/berth.sock";
/** 128 and the number of SIGPIPE: what a shell reports of a program that the signal ended. */
const BROKEN_PIPE = 141;

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === "daemon") {
    // Only the daemon pays for the daemon's code.
    const { runDaemon } = await import("./daemon.ts");
    return await runDaemon(argv.slice(1));
  }
  const { host, version, help, rest } = parseGlobalArguments(argv);
  if (version) {
    await writeAll(1, `berth version ${BUILD_INFO.version}, build ${BUILD_INFO.commit}\n`);
    return 0;
  }
  return await runCli(help ? ["help", ...rest] : rest, {
    client: new EngineClient(new BunTransport(daemonAddress(host))),
    out: (data) => writeAll(1, data),
    err: (data) => writeAll(2, data),
    terminal: new ProcessTerminal(),
    environment: process.env,
    workingDirectory: () => process.cwd(),
    helloImage: async () => (await import("./hello-image-file.ts")).helloImage(),
    build: {
      ...BUILD_INFO,
      platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
      language: `bun${Bun.version}`,
    },
  });
}

/** `-H`, then DOCKER_HOST, so that scripts made for Docker reach the same daemon, then BERTH_HOST. Throws CliFailure. */
function daemonAddress(host: string | undefined): DaemonAddress {
  const { BERTH_HOST, DOCKER_HOST, DOCKER_TLS_VERIFY } = process.env;
  try {
    const address = parseDaemonAddress(host || DOCKER_HOST || BERTH_HOST || DEFAULT_HOST);
    if (address.kind === "tcp" && DOCKER_TLS_VERIFY) {
      // Never in the clear where the caller asked for encryption.
      throw new EngineError("unimplemented", "connections over TLS are not available in berth yet");
    }
    return address;
  } catch (error) {
    const reason = fromUnknown(error).message;
    throw new CliFailure(`Failed to initialize: unable to resolve docker endpoint: ${reason}`);
  }
}

async function reportFailure(error: unknown): Promise<number> {
  // The reader of our output has gone (`berth ps | head`): there is nobody left to tell.
  if ((error as NodeJS.ErrnoException)?.code === "EPIPE") return BROKEN_PIPE;
  const wrongFlag = error instanceof CliFailure && error.style === "usage";
  await writeAll(2, wrongFlag ? globalFailureText(error) : `${fromUnknown(error).message}\n`);
  return error instanceof CliFailure ? error.exitCode : 1;
}

main(process.argv.slice(2))
  .catch(reportFailure)
  .catch(() => BROKEN_PIPE)
  .then((code) => process.exit(code));
