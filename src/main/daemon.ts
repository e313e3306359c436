/** `berth daemon`: puts the parts together, in the order in which they need one another, and takes them apart again. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineError, fromUnknown } from "../base/errors.ts";
import { containerMigrations } from "../engine/containers/container-repository.ts";
import { removeInterruptedWrites } from "../host/atomic-file.ts";
import { CommitLog } from "../host/commit-log.ts";
import { acquireLock } from "../host/lock-file.ts";
import { createLogger, type Logger } from "../host/logger.ts";
import { type Database, openDatabase } from "../host/sqlite.ts";
import { startKernelHelper } from "../kernel/kernel-helper.ts";
import { createLayerUnpacker } from "../kernel/layer-unpacker.ts";
import { installNativeFiles } from "../kernel/native-files.ts";
import { readMachineFacts } from "../runtime/machine-facts.ts";
import { ShimRuntime } from "../runtime/shim-runtime.ts";
import { createApiServer } from "../server/api-server.ts";
import { parseListenAddress } from "../server/listen-address.ts";
import { ImageStore } from "../store/image-store.ts";
import { imageMigrations } from "../store/metadata/image-migrations.ts";
import { snapshotMigrations } from "../store/snapshots/snapshot-rows.ts";
import { BUILD_INFO } from "./build-info.ts";
import { type DaemonOptions, parseDaemonOptions } from "./daemon-options.ts";
import { createEngine } from "./engine.ts";
import { socketGroup } from "./socket-group.ts";

/** Runs until SIGTERM or SIGINT; gives the process's exit code. */
export async function runDaemon(args: readonly string[]): Promise<number> {
  const options = parseDaemonOptions(args);
  const logger = createLogger({
    level: options.logLevel,
    format: options.logFormat,
    write: (line) => process.stderr.write(line),
  });
  if (process.getuid?.() !== 0) {
    throw new EngineError("denied", "the daemon needs root: it makes namespaces, mounts and cgroups");
  }
  await using daemon = new AsyncDisposableStack();
  await start(daemon, options, logger);
  const signal = await endSignal();
  logger.info("Processing signal", { signal });
  return 0;
}

async function start(daemon: AsyncDisposableStack, options: DaemonOptions, logger: Logger): Promise<void> {
  makeRoots(options);
  daemon.adopt(acquireLock(join(options.dataRoot, "lock")), (held) => held.release());
  await removeInterruptedWrites(options.dataRoot);
  // Not in the exec root: Debian mounts /run noexec.
  const programs = await installNativeFiles(options.dataRoot);
  const kernel = await startKernelHelper({
    kernelPath: programs.kernel,
    shimPath: programs.shim,
    onLoss: (reason, messages) => logger.error("berth-kernel ended", { reason, messages }),
  });
  daemon.adopt(kernel, (helper) => helper.close());
  const machine = await readMachineFacts();
  const databasePath = join(options.dataRoot, "berth.db");
  const database = openDatabase(databasePath, [snapshotMigrations, imageMigrations, containerMigrations]);
  daemon.adopt(database, (open: Database) => open.close());
  const commits = daemon.adopt(await CommitLog.open(databasePath), (open) => open.close());
  const unpacker = createLayerUnpacker({ kernelPath: programs.kernel });
  const { dataRoot, execRoot } = options;
  const store = daemon.adopt(
    await ImageStore.open({ dataRoot, database, kernel, unpacker, logger }),
    (open) => open.close(),
  );
  const runtime = daemon.adopt(new ShimRuntime({ kernel, execRoot, machine, logger }), (open) =>
    open.close(),
  );
  const engine = await createEngine({
    dataRoot,
    database,
    commits,
    store,
    runtime,
    machine,
    logger,
    debug: options.logLevel === "debug",
  });
  daemon.defer(() => engine.idle());
  await engine.reconcile();

  const server = createApiServer(engine.backends, { version: BUILD_INFO.version, logger });
  daemon.adopt(server, (open) => open.close());
  const gid = socketGroup(options.group);
  for (const host of options.hosts) {
    const address = parseListenAddress(host, { gid });
    if (address.kind === "tcp") {
      logger.warn(
        "this address is not protected: every user and program of this machine that connects becomes root",
        { host },
      );
    } else mkdirSync(join(address.path, ".."), { recursive: true });
    await server.listen(address);
    logger.info(`API listen on ${host}`);
  }
  if (options.pidfile !== undefined) {
    const { pidfile } = options;
    writeFileSync(pidfile, `${process.pid}`, { mode: 0o644 });
    daemon.defer(() => rmSync(pidfile, { force: true }));
  }
}

/** The data root can be traversed (bind sources of user namespaces lie below it) but not read; the exec root neither. */
function makeRoots({ dataRoot, execRoot }: DaemonOptions): void {
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  chmodSync(dataRoot, 0o711);
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
}

function endSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  process.once("SIGTERM", resolve);
  process.once("SIGINT", resolve);
  // A person's terminal that goes away is no reason to end.
  process.on("SIGHUP", () => {});
  process.on("unhandledRejection", (reason) => {
    process.stderr.write(`berth: a failure that nobody handled: ${fromUnknown(reason).stack}\n`);
  });
  return promise;
}
