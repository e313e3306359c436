/** A token server and the check that a registry makes of its tokens, as an `Intercept`. Only for tests. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { fail, type Intercept, json, readAll } from "./test-registry.ts";

export interface TokenRule {
  /** What the registry says: `https://auth.example/token`, or a path on itself. */
  readonly realm: string;
  readonly user?: string;
  readonly password?: string;
  readonly identityToken?: string;
  /** GET is not known there. */
  readonly postOnly?: boolean;
  readonly expiresInS?: number;
}

export class TokenServer {
  /** Every request for a token: method, scopes, and what it proved itself with. */
  readonly asked: { readonly method: string; readonly scopes: string[]; readonly proof: string }[] = [];
  readonly #good = new Set<string>();
  #count = 0;

  constructor(private readonly rule: TokenRule) {}

  /** No token that was given out is good any longer. */
  revoke(): void {
    this.#good.clear();
  }

  readonly intercept: Intercept = async (request, response) => {
    const url = new URL(request.url ?? "", "http://registry");
    if (url.pathname === "/token") {
      await this.#token(request, response, url);
      return true;
    }
    const given = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1];
    if (given !== undefined && this.#good.has(given)) return false;
    response.setHeader("WWW-Authenticate", `Bearer realm="${this.rule.realm}",service="test"`);
    request.resume();
    fail(response, 401, "UNAUTHORIZED", "authentication required");
    return true;
  };

  async #token(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { rule } = this;
    const form = new URLSearchParams(String(await readAll(request)));
    const post = request.method === "POST";
    const scopes = post ? (form.get("scope") ?? "").split(" ") : url.searchParams.getAll("scope");
    const authorization = request.headers.authorization ?? "";
    this.asked.push({ method: request.method ?? "", scopes, proof: post ? String(form) : authorization });
    if (!post && rule.postOnly === true) return void response.writeHead(405).end();
    const basic = `Basic ${Buffer.from(`${rule.user}:${rule.password}`).toString("base64")}`;
    const proven = post
      ? (rule.identityToken !== undefined && form.get("refresh_token") === rule.identityToken) ||
        (rule.user !== undefined &&
          form.get("username") === rule.user &&
          form.get("password") === rule.password)
      : rule.user === undefined || authorization === basic;
    if (!proven) return fail(response, 401, "UNAUTHORIZED", "incorrect username or password");
    const token = `token-${++this.#count}`;
    this.#good.add(token);
    const offline = url.searchParams.get("offline_token") === "true" || form.get("access_type") === "offline";
    json(response, 200, {
      [post ? "access_token" : "token"]: token,
      expires_in: rule.expiresInS ?? 300,
      ...(offline ? { refresh_token: "identity-of-user" } : {}),
    });
  }
}
