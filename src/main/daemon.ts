/** `berth daemon`: puts the parts together, in the order in which they need one another, and takes them apart again. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { EngineError, fromUnknown } from "../base/errors.ts";
import { containerMigrations } from "../engine/containers/container-repository.ts";
import { removeInterruptedWrites } from "../host/atomic-file.ts";
import { CommitLog } from "../host/commit-log.ts";
import { acquireLock } from "../host/lock-file.ts";
import { createLogger, type Logger } from "../host/logger.ts";
import { type Database, openDatabase, reserveSpace } from "../host/sqlite.ts";
import { startKernelHelper } from "../kernel/kernel-helper.ts";
import { createLayerUnpacker } from "../kernel/layer-unpacker.ts";
import { installNativeFiles } from "../kernel/native-files.ts";
import { createTrees } from "../kernel/trees.ts";
import { createRegistryClient } from "../registry/client/create-registry-client.ts";
import { RegistryHosts } from "../registry/client/registry-hosts.ts";
import { readMachineFacts } from "../runtime/machine-facts.ts";
import { ShimRuntime } from "../runtime/shim-runtime.ts";
import { type ApiServer, createApiServer } from "../server/api-server.ts";
import { type ListenAddress, listenAddressText, parseListenAddress } from "../server/listen-address.ts";
import { upkeepMigrations } from "../store/gc/upkeep-migrations.ts";
import { ImageStore } from "../store/image-store.ts";
import { imageMigrations } from "../store/metadata/image-migrations.ts";
import { pushedLayerMigrations } from "../store/metadata/pushed-layers.ts";
import { tagDocumentMigrations } from "../store/metadata/tag-documents.ts";
import { openSnapshots } from "../store/snapshots/snapshot-driver-open.ts";
import { chooseStorageDriver } from "../store/snapshots/snapshot-driver-record.ts";
import { snapshotMigrations } from "../store/snapshots/snapshot-rows.ts";
import { BUILD_INFO } from "./build-info.ts";
import { type DaemonOptions, parseDaemonOptions } from "./daemon-options.ts";
import { createEngine } from "./engine.ts";
import { takeRegistryEnvironment } from "./registry-options.ts";
import { reloadRegistries } from "./registry-reload.ts";
import { socketGroup } from "./socket-group.ts";

const MIGRATIONS = [
  snapshotMigrations,
  imageMigrations,
  pushedLayerMigrations,
  tagDocumentMigrations,
  containerMigrations,
  upkeepMigrations,
];

/** Runs until SIGTERM or SIGINT; gives the process's exit code. */
export async function runDaemon(args: readonly string[]): Promise<number> {
  const environment = takeRegistryEnvironment(process.env);
  const read = () => parseDaemonOptions(args, environment);
  const options = read();
  const logger = createLogger({
    level: options.logLevel,
    format: options.logFormat,
    write: (line) => process.stderr.write(line),
  });
  if (process.getuid?.() !== 0) {
    throw new EngineError("denied", "the daemon needs root: it makes namespaces, mounts and cgroups");
  }
  const gid = socketGroup(options.group);
  const addresses = options.hosts.map((host) => parseListenAddress(host, { gid }));
  await using daemon = new AsyncDisposableStack();
  // Before the start, which a signal must not cut in two.
  const ended = endSignal(logger);
  const registryHosts = new RegistryHosts(options.registries);
  daemon.use(reloadRegistries({ options, read, hosts: registryHosts, logger }));
  await start(daemon, options, { addresses, registryHosts }, logger);
  const signal = await ended;
  logger.info("Processing signal", { signal });
  return 0;
}

async function start(
  daemon: AsyncDisposableStack,
  options: DaemonOptions,
  { addresses, registryHosts }: { addresses: readonly ListenAddress[]; registryHosts: RegistryHosts },
  logger: Logger,
): Promise<void> {
  takeRoots(daemon, options);
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
  const database = openDatabase(databasePath, MIGRATIONS);
  daemon.adopt(database, (open: Database) => open.close());
  keepRoom(database, logger);
  const commits = daemon.adopt(await CommitLog.open(databasePath), (open) => open.close());
  const unpacker = createLayerUnpacker({
    kernelPath: programs.kernel,
    spread: true,
    ...(options.maxLayerBytes === undefined ? {} : { mostBytes: options.maxLayerBytes }),
    ...(options.maxLayerFiles === undefined ? {} : { mostEntries: options.maxLayerFiles }),
  });
  const trees = createTrees(programs.kernel);
  const driver = chooseStorageDriver(database, options.storageDriver);
  const { dataRoot, execRoot } = options;
  const store = daemon.adopt(
    await ImageStore.open({
      dataRoot,
      database,
      kernel,
      unpacker,
      logger,
      openSnapshots: (overlay) => openSnapshots(driver, overlay, trees),
    }),
    (open) => open.close(),
  );
  const runtime = daemon.adopt(new ShimRuntime({ kernel, execRoot, machine, logger }), (open) =>
    open.close(),
  );
  const registry = createRegistryClient({
    hosts: registryHosts,
    logger,
    userAgent: `berth/${BUILD_INFO.version} (linux)`,
  });
  const engine = await createEngine({
    dataRoot,
    database,
    commits,
    store,
    runtime,
    machine,
    registry,
    registryHosts,
    logger,
    debug: options.logLevel === "debug",
    trees,
    kernelPath: programs.kernel,
  });
  daemon.defer(() => engine.idle());
  await engine.reconcile();

  const server = createApiServer(engine.backends, { version: BUILD_INFO.version, logger });
  daemon.adopt(server, (open) => open.close());
  if (options.pidfile !== undefined) writePidfile(daemon, options.pidfile);
  for (const address of addresses) await listen(server, address, logger);
}

/** On a disk that is full already the daemon starts all the same: somebody has to remove things. */
function keepRoom(database: Database, logger: Logger): void {
  try {
    reserveSpace(database);
  } catch (error) {
    logger.warn("no room was set aside for the time when the disk is full", {
      error: fromUnknown(error).message,
    });
  }
}

async function listen(server: ApiServer, address: ListenAddress, logger: Logger): Promise<void> {
  if (address.kind === "unix") mkdirSync(dirname(address.path), { recursive: true });
  const host = listenAddressText(await server.listen(address));
  if (address.kind === "tcp") {
    logger.warn(
      "this address is not protected: every user and program of this machine that connects becomes root",
      { host },
    );
  }
  logger.info(`API listen on ${host}`);
}

/** Before the first client can connect: who waits for the API may read it. */
function writePidfile(daemon: AsyncDisposableStack, pidfile: string): void {
  mkdirSync(dirname(pidfile), { recursive: true });
  writeFileSync(pidfile, `${process.pid}`, { mode: 0o644 });
  daemon.defer(() => rmSync(pidfile, { force: true }));
}

/**
 * The data root can be traversed (bind sources of user namespaces lie below it) but not read; the exec root neither. Both are
 * this daemon's alone: another one with the same exec root would take the containers in it for leftovers.
 */
function takeRoots(daemon: AsyncDisposableStack, { dataRoot, execRoot }: DaemonOptions): void {
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  chmodSync(dataRoot, 0o711);
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  for (const root of new Set([dataRoot, execRoot])) {
    daemon.adopt(acquireLock(join(root, "lock")), (held) => held.release());
  }
}

function endSignal(logger: Logger): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  process.once("SIGTERM", resolve);
  process.once("SIGINT", resolve);
  // A person's terminal that goes away is no reason to end; what SIGHUP does instead is in registry-reload.ts.
  process.on("SIGHUP", () => {});
  process.on("unhandledRejection", (reason) => {
    logger.error("a failure that nobody handled", { error: fromUnknown(reason).stack });
  });
  return promise;
}
