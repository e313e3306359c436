/**
 * Programs that keep credentials for Docker: `docker-credential-<name> get|store|erase`, one JSON value or server address on
 * standard input, the answer or the complaint on standard output (github.com/docker/docker-credential-helpers).
 */
import { EngineError } from "../../base/errors.ts";
import type { CallerEnvironment } from "../environment-files.ts";

export interface HelperCredentials {
  readonly ServerURL: string;
  readonly Username: string;
  readonly Secret: string;
}

/** What the helpers of all platforms say of a server they know nothing of. */
const NOT_FOUND = "credentials not found in native keychain";

export class CredentialHelper {
  readonly #program: string;

  /** `name`: what `credsStore` or `credHelpers` has. */
  constructor(
    name: string,
    private readonly environment: CallerEnvironment,
  ) {
    this.#program = `docker-credential-${name}`;
  }

  /** undefined where it has none for the server. Throws internal with the program's own words. */
  async get(serverUrl: string): Promise<HelperCredentials | undefined> {
    const { code, output } = await this.#run("get", serverUrl, "getting");
    if (code === 0) return parseCredentials(output, serverUrl);
    if (output === NOT_FOUND) return undefined;
    throw failed("getting", `exit status ${code}`, output);
  }

  async store(credentials: HelperCredentials): Promise<void> {
    const { code, output } = await this.#run("store", `${JSON.stringify(credentials)}\n`, "storing");
    if (code !== 0) throw failed("storing", `exit status ${code}`, output);
  }

  async erase(serverUrl: string): Promise<void> {
    const { code, output } = await this.#run("erase", serverUrl, "erasing");
    if (code !== 0) throw failed("erasing", `exit status ${code}`, output);
  }

  async #run(
    action: string,
    input: string,
    doing: string,
  ): Promise<{ readonly code: number; readonly output: string }> {
    // A name with a slash would be a program of any directory.
    const found = this.#program.includes("/")
      ? null
      : Bun.which(this.#program, { PATH: this.environment.PATH ?? "" });
    if (found === null) {
      throw failed(doing, `exec: ${JSON.stringify(this.#program)}: executable file not found in $PATH`, "");
    }
    const child = Bun.spawn([found, action], {
      stdin: new Blob([input]),
      stdout: "pipe",
      stderr: "inherit",
      env: { ...this.environment },
    });
    const [output, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    return { code, output: output.trim() };
  }
}

function failed(doing: string, reason: string, output: string): EngineError {
  return new EngineError("internal", `error ${doing} credentials - err: ${reason}, out: \`${output}\``);
}

function parseCredentials(output: string, serverUrl: string): HelperCredentials {
  try {
    const { Username, Secret } = JSON.parse(output) as Partial<HelperCredentials>;
    if (typeof Username === "string" && typeof Secret === "string") {
      return { ServerURL: serverUrl, Username, Secret };
    }
  } catch {
    // Said below: nothing of the answer is shown, since it may hold a secret.
  }
  throw new EngineError("internal", "error getting credentials - the helper's answer is not what was asked");
}
