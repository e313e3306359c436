/** A real server on a socket in a directory of its own, over in-memory backends. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../../host/logger.ts";
import { type ApiServer, createApiServer } from "../api-server.ts";
import { InMemoryBackends } from "./in-memory-backends.ts";
import { RawClient } from "./raw-client.ts";

export interface TestAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export class TestServer implements AsyncDisposable {
  readonly backends = new InMemoryBackends();
  /** Messages of error lines. */
  readonly errors: string[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), "berth-server-"));
  readonly path = join(this.directory, "s.sock");
  readonly server: ApiServer;

  private constructor() {
    const quiet = () => {};
    const error = (message: string) => void this.errors.push(message);
    const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error };
    this.server = createApiServer(this.backends, { version: "9.9.9", logger });
  }

  static async start(): Promise<TestServer> {
    const started = new TestServer();
    await started.server.listen({ kind: "unix", path: started.path, gid: undefined });
    return started;
  }

  connect(): RawClient {
    return new RawClient(this.path);
  }

  /** One request through a whole HTTP client. A body is JSON unless it is a text with a type of its own. */
  ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<TestAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<TestAnswer>();
    const json = body === undefined ? {} : { "Content-Type": "application/json" };
    const sent = request({
      socketPath: this.path,
      method,
      path,
      headers: { ...json, ...headers },
      agent: false,
    });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString("latin1");
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
      });
    });
    sent.end(typeof body === "string" || body === undefined ? body : JSON.stringify(body));
    return promise;
  }

  get(path: string): Promise<TestAnswer> {
    return this.ask("GET", path);
  }

  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<TestAnswer> {
    return this.ask("POST", path, body, headers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close({ graceMs: 0 });
    rmSync(this.directory, { recursive: true });
  }
}
