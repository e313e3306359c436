/** A command line against answers that a test gives, its terminal and its input made up. */

import { EngineClient } from "../../client/engine-client.ts";
import type { TransportRequest, TransportResponse } from "../../client/transport.ts";
import { runCli } from "../cli.ts";
import type { CliContext } from "../command.ts";

export interface Script {
  /** By `METHOD /path` without version and query. Others are not found. */
  readonly answers?: Readonly<Record<string, Answer>>;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Streams that are terminals, all 80 columns wide. */
  readonly terminals?: readonly ("stdin" | "stdout" | "stderr")[];
}

export type Answer =
  | { readonly json: unknown }
  /** JSON lines. */
  | { readonly lines: readonly unknown[] }
  | { readonly text: string }
  | { readonly status: number; readonly message: string };

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly requests: readonly TransportRequest[];
}

const nothing = (): Disposable => ({ [Symbol.dispose]() {} });

/** Runs one line and gives what it printed, asked and returned. */
export async function runScripted(argv: readonly string[], script: Script = {}): Promise<Outcome> {
  const requests: TransportRequest[] = [];
  let out = "";
  let err = "";
  const { answers = {}, environment = {}, input = "", terminals = [] } = script;
  const text = (data: string | Uint8Array) =>
    typeof data === "string" ? data : new TextDecoder().decode(data);
  const write = async (data: string | Uint8Array) => {
    out += text(data);
  };
  const complain = async (data: string | Uint8Array) => {
    err += text(data);
  };
  const context: CliContext = {
    client: new EngineClient({
      request: async (request) => {
        requests.push(request);
        const path = decodeURIComponent(new URL(request.path, "http://daemon").pathname).replace(
          /^\/v[\d.]+/,
          "",
        );
        return responseOf(answers[`${request.method} ${path}`] ?? { status: 404, message: "page not found" });
      },
      expectHijack: () => {},
      hijack: () => Promise.reject(new Error("nothing is hijacked here")),
    }),
    out: write,
    err: complain,
    terminal: {
      isTerminal: (stream) => terminals.includes(stream),
      size: (stream = "stdout") => (terminals.includes(stream) ? { rows: 24, columns: 80 } : undefined),
      onResize: nothing,
      rawMode: nothing,
      hideInput: nothing,
      input: () => new Blob([input]).stream(),
      stream: (to, data) => (to === "stdout" ? write(data) : complain(data)),
      onSignal: nothing,
      exit: () => {
        throw new Error("exit");
      },
    },
    environment,
    workingDirectory: () => "/",
    helloImage: () => Promise.reject(new Error("no image here")),
    build: { version: "1", commit: "c", buildTime: "", platform: "linux/amd64", language: "bun1" },
  };
  const code = await runCli(argv, context);
  return { code, out, err, requests };
}

function responseOf(answer: Answer): TransportResponse {
  const body = bodyOf(answer);
  return {
    status: "status" in answer ? answer.status : 200,
    headers: new Headers(),
    body: new Blob([body]).stream(),
    text: async () => body,
  };
}

function bodyOf(answer: Answer): string {
  if ("text" in answer) return answer.text;
  if ("lines" in answer) return answer.lines.map((line) => `${JSON.stringify(line)}\r\n`).join("");
  return JSON.stringify("json" in answer ? answer.json : { message: answer.message });
}
