/** The WebSocket side of attach, for browsers. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { EngineError } from "../base/errors.ts";
import type { MessageConnection } from "./exchange.ts";

/** Input comes from a keyboard or a pasted text. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Messages wait in the socket, not in memory. */
const HANDSHAKES = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
});

/** Answers the handshake. Throws canceled when it was refused (on the socket, by then) or the client went away. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  early: Buffer,
): Promise<MessageConnection> {
  return new Promise((resolve, reject) => {
    socket.once("close", () => reject(new EngineError("canceled", "the WebSocket handshake failed")));
    HANDSHAKES.handleUpgrade(request, socket, early, (client) => resolve(connectionOf(client)));
  });
}

function connectionOf(client: WebSocket): MessageConnection {
  // Every error is followed by a close.
  client.on("error", () => {});
  return {
    onMessage(listener) {
      client.on("message", (message: RawData) => {
        client.pause();
        const resume = () => client.resume();
        listener(bytesOf(message)).then(resume, resume);
      });
    },
    onClose(listener) {
      client.on("close", listener);
    },
    send(data, binary) {
      if (client.readyState !== client.OPEN) return Promise.resolve();
      // A failed send is a connection about to close, which onClose tells.
      return new Promise((resolve) => client.send(data, { binary }, () => resolve()));
    },
    close() {
      client.close(1000);
    },
  };
}

function bytesOf(message: RawData): Uint8Array {
  if (Array.isArray(message)) return Buffer.concat(message);
  return message instanceof ArrayBuffer ? new Uint8Array(message) : message;
}
