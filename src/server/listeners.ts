/** The sockets that the daemon listens on. */
import { chownSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import { EngineError, fromUnknown } from "../base/errors.ts";
import { type ListenAddress, listenAddressText } from "./listen-address.ts";

/** Everybody outside of the owner and the group is kept out. */
const SOCKET_UMASK = 0o117;
/** sun_path of unix(7), with its final NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

const SERVER_OPTIONS: ServerOptions = {
  // Loading an image may take any time; only the head has to come soon.
  requestTimeout: 0,
  headersTimeout: 60_000,
  keepAliveTimeout: 180_000,
  // Registry credentials travel in headers.
  maxHeaderSize: 256 * 1024,
};

export type UpgradeChoice = NonNullable<ServerOptions["shouldUpgradeCallback"]>;

/** Makes the HTTP server for one address; `shouldUpgrade` tells which requests leave HTTP when they ask to. */
export function createListener(address: ListenAddress, shouldUpgrade: UpgradeChoice): Server {
  const options = { ...SERVER_OPTIONS, shouldUpgradeCallback: shouldUpgrade };
  if (address.kind === "unix" || address.tls === undefined) return createServer(options);
  const { key, cert, clientAuthority } = address.tls;
  const verified = clientAuthority !== undefined;
  return createTlsServer({
    ...options,
    key,
    cert,
    minVersion: "TLSv1.2",
    ...(verified ? { ca: clientAuthority, requestCert: true, rejectUnauthorized: true } : {}),
  });
}

/**
 * Starts to listen. A socket file that a dead daemon left is replaced. Throws conflict when a live one listens there or
 * when the path is something else than a socket.
 */
export async function listen(server: Server, address: ListenAddress): Promise<void> {
  if (address.kind === "tcp") {
    await listening(server, () => server.listen(address.port, address.host)).catch((cause: unknown) => {
      const reason = fromUnknown(cause).message;
      const text = `cannot listen on ${listenAddressText(address)}: ${reason}`;
      throw new EngineError("unavailable", text, { cause });
    });
    return;
  }
  const { path, gid } = address;
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new EngineError(
      "invalid",
      `the socket's path is longer than ${MAX_SOCKET_PATH_BYTES} bytes: ${path}`,
    );
  }
  await removeStaleSocket(path);
  await listening(server, () => {
    // The file appears inside of listen(): with this mask there is no moment in which others can connect.
    const before = process.umask(SOCKET_UMASK);
    try {
      server.listen(path);
    } finally {
      process.umask(before);
    }
  });
  if (gid !== undefined) chownSync(path, 0, gid);
}

async function listening(server: Server, start: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", reject);
    start();
  });
}

async function removeStaleSocket(path: string): Promise<void> {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return;
  if (!entry.isSocket()) {
    throw new EngineError("conflict", `cannot listen on ${path}: there is a file that is no socket`);
  }
  if (await answers(path)) {
    throw new EngineError("conflict", `cannot listen on ${path}: another daemon listens there`);
  }
  unlinkSync(path);
}

/** Whether somebody accepts connections. Only a refused one is proof that nobody does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}
