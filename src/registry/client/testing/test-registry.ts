/** A registry in memory, on loopback, that can be told to misbehave. Only for tests. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly host: string;
  readonly headers: IncomingMessage["headers"];
}

/** True: it has answered, or never will. */
export type Intercept = (
  request: IncomingMessage,
  response: ServerResponse,
) => boolean | undefined | Promise<boolean | undefined>;

export const sha256 = (data: Uint8Array | string) =>
  `sha256:${createHash("sha256").update(data).digest("hex")}`;

interface Upload {
  readonly repository: string;
  bytes: Buffer;
}

export class TestRegistry implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  /** `repository@digest` → bytes. */
  readonly blobs = new Map<string, Buffer>();
  /** `repository:reference`. */
  readonly manifests = new Map<string, { readonly bytes: Buffer; readonly mediaType: string | undefined }>();
  readonly uploads = new Map<string, Upload>();
  intercept: Intercept = () => false;
  port = 0;
  #server: Server | undefined;
  #uploadCount = 0;

  static async start(intercept?: Intercept): Promise<TestRegistry> {
    const registry = new TestRegistry();
    if (intercept !== undefined) registry.intercept = intercept;
    const server = createServer((request, response) => void registry.#answer(request, response));
    registry.#server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    registry.port = (server.address() as AddressInfo).port;
    return registry;
  }

  /** As in image names. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** `GET /v2/x/blobs/…` and so on; pings are left out. */
  get lines(): string[] {
    return this.seen
      .filter(({ url }) => !/^\/v2\/(\?|$)/.test(url))
      .map(({ method, url }) => `${method} ${url}`);
  }

  addBlob(repository: string, data: Uint8Array | string): string {
    const digest = sha256(data);
    this.blobs.set(`${repository}@${digest}`, Buffer.from(data));
    return digest;
  }

  addManifest(repository: string, reference: string, text: string, mediaType?: string): string {
    const entry = { bytes: Buffer.from(text), mediaType };
    this.manifests.set(`${repository}:${reference}`, entry);
    this.manifests.set(`${repository}:${sha256(text)}`, entry);
    return sha256(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise<void>((resolve) => this.#server?.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    this.seen.push({ method, url, host: headers.host ?? "", headers });
    request.on("error", () => undefined);
    if (await this.intercept(request, response)) return;
    const { pathname, searchParams } = new URL(url, this.url);
    if (pathname === "/v2/") return void response.end("{}");
    const match = /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|tags)\/([^/]*)$/.exec(pathname);
    if (match === null) return fail(response, 404, "UNSUPPORTED", "no such page");
    const [, repository = "", kind = "", rest = ""] = match;
    if (kind === "manifests") return this.#manifest(request, response, repository, rest);
    if (kind === "blobs") return this.#blob(request, response, repository, rest);
    if (kind === "tags") return this.#tags(response, repository);
    return this.#upload(request, response, repository, rest, searchParams);
  }

  #tags(response: ServerResponse, repository: string): void {
    const prefix = `${repository}:`;
    const tags = [...this.manifests.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
    json(response, 200, { name: repository, tags: tags.filter((tag) => !tag.includes(":")) });
  }

  async #manifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    reference: string,
  ): Promise<void> {
    if (request.method === "PUT") {
      const bytes = await readAll(request);
      this.manifests.set(`${repository}:${reference}`, { bytes, mediaType: request.headers["content-type"] });
      response.writeHead(201, { "Docker-Content-Digest": sha256(bytes) }).end();
      return;
    }
    const found = this.manifests.get(`${repository}:${reference}`);
    if (found === undefined) return fail(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
    if (found.mediaType !== undefined) response.setHeader("Content-Type", found.mediaType);
    response.end(found.bytes);
  }

  async #blob(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    digest: string,
  ): Promise<void> {
    const bytes = this.blobs.get(`${repository}@${digest}`);
    if (bytes === undefined) return fail(response, 404, "BLOB_UNKNOWN", "blob unknown to registry");
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (start === 0) return void response.writeHead(200, { "Content-Length": bytes.length }).end(bytes);
    if (start >= bytes.length)
      return void response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    response
      .writeHead(206, { "Content-Range": range, "Content-Length": bytes.length - start })
      .end(bytes.subarray(start));
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    repository: string,
    id: string,
    query: URLSearchParams,
  ): Promise<void> {
    if (request.method === "POST") return this.#beginUpload(response, repository, query);
    const upload = this.uploads.get(id);
    if (upload === undefined)
      return fail(response, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    if (request.method === "DELETE") {
      this.uploads.delete(id);
      return void response.writeHead(204).end();
    }
    if (request.method === "GET") return this.#uploadAnswer(response, 204, id, upload);
    try {
      for await (const chunk of request) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]);
    } catch {
      return;
    }
    if (request.method === "PATCH") return this.#uploadAnswer(response, 202, id, upload);
    const digest = query.get("digest") ?? "";
    if (sha256(upload.bytes) !== digest)
      return fail(response, 400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    this.uploads.delete(id);
    this.blobs.set(`${repository}@${digest}`, upload.bytes);
    response.writeHead(201, { "Docker-Content-Digest": digest }).end();
  }

  #beginUpload(response: ServerResponse, repository: string, query: URLSearchParams): void {
    const source = this.blobs.get(`${query.get("from")}@${query.get("mount")}`);
    if (source !== undefined) {
      this.blobs.set(`${repository}@${query.get("mount")}`, source);
      return void response.writeHead(201).end();
    }
    const id = `upload-${++this.#uploadCount}`;
    const upload: Upload = { repository, bytes: Buffer.alloc(0) };
    this.uploads.set(id, upload);
    this.#uploadAnswer(response, 202, id, upload);
  }

  /** A relative address with a query of its own, as some registries give. */
  #uploadAnswer(response: ServerResponse, status: number, id: string, upload: Upload): void {
    const range = `0-${Math.max(0, upload.bytes.length - 1)}`;
    response
      .writeHead(status, {
        Location: `/v2/${upload.repository}/blobs/uploads/${id}?_state=a%2Bb~`,
        Range: range,
      })
      .end();
  }
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}

export function fail(response: ServerResponse, status: number, code: string, message: string): void {
  json(response, status, { errors: [{ code, message }] });
}

export async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
