/** A real registry, Debian's docker-registry, on a port of the loopback that the kernel chooses. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "./run-command.ts";
import { until } from "./until.ts";

export interface RegistryOptions {
  /** User and password that every request needs. */
  readonly user?: readonly [string, string];
  /** HTTPS with a certificate that nobody has signed. */
  readonly tls?: boolean;
}

/** One line of the access log. */
export interface RegistryRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
}

const ACCESS = /"([A-Z]+) (\S+) HTTP\/[0-9.]+" (\d{3}) (\d+)/;
const LISTENING = /listening on (?:127\.0\.0\.1|\[::\]):(\d+)/;

export class TestRegistry implements AsyncDisposable {
  readonly directory: string;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #log = "";
  #seen = 0;
  #port = 0;

  private constructor(config: object, directory: string) {
    this.directory = directory;
    const file = join(directory, "config.json");
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(config));
    this.#child = Bun.spawn(["docker-registry", "serve", file], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
    });
    void this.#collect(this.#child.stdout);
    void this.#collect(this.#child.stderr);
  }

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    if (!existsSync("/usr/bin/docker-registry"))
      throw new Error("docker-registry is not installed: make test installs it");
    const directory = mkdtempSync(join(tmpdir(), "berth-registry-"));
    mkdirSync(join(directory, "data"));
    const registry = new TestRegistry(
      {
        version: "0.1",
        log: { accesslog: { disabled: false }, level: "info", formatter: "text" },
        storage: { filesystem: { rootdirectory: join(directory, "data") }, delete: { enabled: true } },
        http: {
          addr: "127.0.0.1:0",
          ...(options.tls === true ? { tls: await makeCertificate(directory) } : {}),
        },
        ...(options.user === undefined
          ? {}
          : { auth: { htpasswd: await passwordFile(directory, options.user) } }),
      },
      directory,
    );
    await registry.#listening();
    return registry;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#log += decoder.decode(chunk, { stream: true });
  }

  async #listening(): Promise<void> {
    await until("the registry listens", () => LISTENING.test(this.#log) || this.#child.exitCode !== null);
    const port = LISTENING.exec(this.#log)?.[1];
    if (port === undefined) throw new Error(`the registry did not start: ${this.#log}`);
    this.#port = Number(port);
  }

  /** `127.0.0.1:34567`: what the names of its images begin with. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** What was asked of it since the last call. Lines are written after the answer: wait for the one that is expected. */
  requests(): RegistryRequest[] {
    const fresh = this.#log.slice(this.#seen);
    const end = fresh.lastIndexOf("\n") + 1;
    this.#seen += end;
    return fresh
      .slice(0, end)
      .split("\n")
      .flatMap((line) => {
        const [, method = "", path = "", status, bytes] = ACCESS.exec(line) ?? [];
        return status === undefined ? [] : [{ method, path, status: Number(status), bytes: Number(bytes) }];
      });
  }

  /** Digests of blobs that were sent to somebody, one for each time. */
  downloads(): string[] {
    return this.requests().flatMap(({ method, path, status }) =>
      method === "GET" && status < 300 ? (/\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1] ?? []) : [],
    );
  }

  /** Puts a document under a tag or its digest. */
  async putManifest(
    repository: string,
    reference: string,
    document: object,
    mediaType: string,
  ): Promise<string> {
    const body = JSON.stringify(document);
    const answer = await fetch(`${this.url}/v2/${repository}/manifests/${reference}`, {
      method: "PUT",
      body,
      headers: { "content-type": mediaType },
    });
    if (!answer.ok) throw new Error(`PUT of ${reference}: ${answer.status} ${await answer.text()}`);
    return `sha256:${new Bun.CryptoHasher("sha256").update(body).digest("hex")}`;
  }

  async putBlob(repository: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const begun = await fetch(`${this.url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
    const place = new URL(begun.headers.get("location") ?? "", this.url);
    place.searchParams.set("digest", digest);
    const answer = await fetch(place, { method: "PUT", body: bytes });
    if (!answer.ok) throw new Error(`PUT of a blob: ${answer.status} ${await answer.text()}`);
    return digest;
  }

  async manifest(
    repository: string,
    reference: string,
  ): Promise<{ digest: string; mediaType: string; body: string }> {
    const accept = ["index.v1", "manifest.v1"].map((kind) => `application/vnd.oci.image.${kind}+json`);
    const docker = ["manifest.list.v2", "manifest.v2"].map(
      (kind) => `application/vnd.docker.distribution.${kind}+json`,
    );
    const answer = await fetch(`${this.url}/v2/${repository}/manifests/${reference}`, {
      headers: { accept: [...accept, ...docker].join(",") },
    });
    if (!answer.ok) throw new Error(`GET of ${reference}: ${answer.status} ${await answer.text()}`);
    return {
      digest: answer.headers.get("docker-content-digest") ?? "",
      mediaType: answer.headers.get("content-type") ?? "",
      body: await answer.text(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function passwordFile(directory: string, [user, password]: readonly [string, string]): Promise<object> {
  const path = join(directory, "htpasswd");
  const hash = await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
  writeFileSync(path, `${user}:${hash}\n`);
  return { realm: "test", path };
}

async function makeCertificate(directory: string): Promise<object> {
  const [key, certificate] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  await mustRun([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=127.0.0.1",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-keyout",
    key,
    "-out",
    certificate,
  ]);
  return { key, certificate };
}
