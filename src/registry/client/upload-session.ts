import { EngineError } from "../../base/errors.ts";
import { repositoryScope } from "./authorizer.ts";
import { subject } from "./connection-errors.ts";
import type { Contact } from "./contacts.ts";
import type { RegistryCall } from "./registry-client.ts";
import { errorOfResponse } from "./registry-errors.ts";
import { type Answer, addressFrom, type RegistryRequest, type Requests } from "./requests.ts";
import type { UploadSource } from "./upload-source.ts";

/** Registries move what they got to its place before they answer, some of them over a network of their own. */
const COMMIT_TIMEOUT_MS = 5 * 60_000;

/** One upload as the registry sees it: an address that changes with every answer. */
export class UploadSession {
  readonly scopes: readonly string[];
  #location: URL | undefined;
  #committing = false;

  constructor(
    private readonly requests: Requests,
    private readonly contact: Contact,
    private readonly path: string,
    private readonly call: RegistryCall,
  ) {
    this.scopes = [repositoryScope(path, "pull", "push")];
  }

  get isOpen(): boolean {
    return this.#location !== undefined;
  }

  /** `commit` was the last thing that was tried. */
  get isCommitting(): boolean {
    return this.#committing;
  }

  /** True: done. False: the registry began an ordinary upload instead, which `append` continues. */
  async mount(digest: string, from: string, fromScope: string): Promise<boolean> {
    await this.#abandon();
    const query = new URLSearchParams({ mount: digest, from });
    const answer = await this.#send({
      method: "POST",
      target: `/v2/${this.path}/blobs/uploads/?${query}`,
      scopes: [...this.scopes, fromScope],
    });
    if (answer.response.status === 201) {
      await answer.response.discard();
      return true;
    }
    await this.#proceed(answer, 202);
    return false;
  }

  async begin(): Promise<void> {
    const target = `/v2/${this.path}/blobs/uploads/`;
    await this.#proceed(await this.#send({ method: "POST", target, scopes: this.scopes }), 202);
  }

  /**
   * Sends everything from `offsetBytes` on. Throws unavailable also when the registry took less than that. Only a continued upload has
   * Content-Range: older registries answer 416 to one that begins.
   */
  async append(source: UploadSource, offsetBytes: number): Promise<void> {
    const headers: Record<string, string> = { "Content-Type": "application/octet-stream" };
    const { sizeBytes } = source;
    if (offsetBytes > 0 && sizeBytes !== undefined) {
      headers["Content-Range"] = `${offsetBytes}-${sizeBytes - 1}`;
      headers["Content-Length"] = String(sizeBytes - offsetBytes);
    }
    this.#committing = false;
    const answer = await this.#send({
      method: "PATCH",
      target: this.#address,
      headers,
      body: () => source.from(offsetBytes),
      scopes: this.scopes,
      attempts: 1,
      answerTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    const reached = reachedBy(answer.response.headers.get("range"));
    await this.#proceed(answer, 202);
    const wanted = source.sizeBytes;
    if (wanted === undefined || (reached !== undefined && reached < wanted)) {
      const what = `the registry stopped reading after ${reached ?? "some"} of ${wanted ?? "more"} bytes`;
      throw new EngineError("unavailable", `${subject("PATCH", answer.url)}: ${what}`);
    }
  }

  /** Throws dataLoss when what the registry got is not what `digest` says. */
  async commit(digest: string): Promise<void> {
    const url = new URL(this.#address);
    // Put behind what is there: reading the query and writing it anew could change what is the registry's own.
    url.search += `${url.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
    this.#committing = true;
    const { response } = await this.#send({
      method: "PUT",
      target: url,
      headers: { "Content-Type": "application/octet-stream" },
      scopes: this.scopes,
      attempts: 1,
      answerTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    if (response.status < 200 || response.status >= 300) throw await errorOfResponse(response);
    await response.discard();
  }

  /** How far the registry is; undefined when the upload has to begin anew. */
  async reachedBytes(): Promise<number | undefined> {
    if (this.#location === undefined) return undefined;
    const answer = await this.#send({ method: "GET", target: this.#location, scopes: this.scopes });
    const reached = reachedBy(answer.response.headers.get("range"));
    // "0-0" is what registries say of nothing and of one byte.
    if (answer.response.status !== 204 || reached === undefined || reached <= 1) {
      await answer.response.discard();
      await this.#abandon();
      return undefined;
    }
    await this.#proceed(answer, 204);
    return reached;
  }

  get #address(): URL {
    if (this.#location === undefined)
      throw new EngineError("internal", "an upload continues that never began");
    return this.#location;
  }

  #send(request: RegistryRequest): Promise<Answer> {
    return this.requests.send(this.contact, request, this.call);
  }

  async #proceed({ response, url }: Answer, expected: number): Promise<void> {
    if (response.status !== expected) throw await errorOfResponse(response);
    await response.discard();
    const location = response.headers.get("location");
    if (location !== null) this.#location = this.#safe(addressFrom(location, url));
    else if (this.#location === undefined)
      throw new EngineError("invalid", `${subject("POST", url)}: the answer has no Location`);
  }

  /** Registries behind a proxy that ends TLS call themselves http; what is pushed is not sent anywhere in plain text for that. */
  #safe(url: URL): URL {
    const { base } = this.contact;
    if (url.protocol === base.protocol || url.protocol === "https:") return url;
    if (url.hostname === base.hostname && (url.port === base.port || url.port === "")) {
      url.protocol = base.protocol;
      url.port = base.port;
      return url;
    }
    throw new EngineError(
      "denied",
      `registry ${base.host} asks for uploads to be sent unencrypted to ${url.origin}: refused`,
    );
  }

  /** The registry would clear it away by itself, some day. */
  async #abandon(): Promise<void> {
    const location = this.#location;
    this.#location = undefined;
    this.#committing = false;
    if (location === undefined) return;
    try {
      const request = { method: "DELETE", target: location, scopes: this.scopes, attempts: 1 };
      await (await this.#send(request)).response.discard();
    } catch (error) {
      if (error instanceof EngineError && error.kind === "canceled") throw error;
    }
  }
}

/** `Range: 0-99` (without a unit, unlike HTTP's) is a hundred bytes. */
function reachedBy(range: string | null): number | undefined {
  const match = /^(?:bytes=)?0-(\d{1,15})$/.exec(range?.trim() ?? "");
  return match === null ? undefined : Number(match[1]) + 1;
}
