import type { AuthConfig } from "../../api/registry-views.ts";
import { EngineError } from "../../base/errors.ts";
import type { CallerEnvironment } from "../environment-files.ts";
import { splitOnce } from "../values/words.ts";
import { configPath, type DockerConfig, readConfig, type StoredAuth, writeConfig } from "./config-file.ts";
import { CredentialHelper } from "./credential-helper.ts";

/** The name that an identity token is kept under in a helper. */
const TOKEN_USER = "<token>";

/**
 * Credentials by server address, as the docker command keeps them: in the settings file itself, or in the helper that the
 * file names for the server or for all. The file is read again for each call.
 */
export class CredentialStore {
  readonly path: string;

  constructor(private readonly environment: CallerEnvironment) {
    this.path = configPath(environment);
  }

  /** An empty object where nothing is stored. Throws what the file or the helper says. */
  async get(server: string): Promise<AuthConfig> {
    const config = readConfig(this.path);
    const fromFile = findInFile(config, server);
    const helper = this.#helper(config, server);
    if (helper === undefined) return fromFile;
    const found = await helper.get(server);
    if (found === undefined) return fromFile;
    const secret =
      found.Username === TOKEN_USER
        ? { identitytoken: found.Secret }
        : { username: found.Username, password: found.Secret };
    const { registrytoken } = fromFile;
    return { ...(registrytoken === undefined ? {} : { registrytoken }), ...secret, serveraddress: server };
  }

  /** Tells whether the password now stands in the file for everybody who can read it. */
  async store(auth: AuthConfig & { readonly serveraddress: string }): Promise<{ readonly inClear: boolean }> {
    const { serveraddress: server, username = "", password = "", identitytoken = "" } = auth;
    const helper = this.#helper(readConfig(this.path), server);
    if (helper !== undefined) {
      const token = identitytoken !== "";
      await helper.store({
        ServerURL: server,
        Username: token ? TOKEN_USER : username,
        Secret: token ? identitytoken : password,
      });
      // The entry without secrets tells `docker` and others that they are logged in.
      this.#change(
        server,
        ({ auth: _, username: __, password: ___, identitytoken: ____, ...others }) => others,
      );
      return { inClear: false };
    }
    const changed = this.#change(server, ({ username: _, password: __, ...others }) => ({
      ...others,
      auth: username === "" && password === "" ? undefined : encodeAuth(username, password),
      identitytoken: identitytoken === "" ? undefined : identitytoken,
    }));
    return { inClear: changed && password !== "" };
  }

  async erase(server: string): Promise<void> {
    const config = readConfig(this.path);
    await this.#helper(config, server)?.erase(server);
    if (config.auths?.[server] === undefined) return;
    const { [server]: _, ...auths } = config.auths;
    writeConfig(this.path, { ...config, auths });
  }

  #helper({ credHelpers, credsStore }: DockerConfig, server: string): CredentialHelper | undefined {
    const named = Object.hasOwn(credHelpers ?? {}, server) ? credHelpers?.[server] : credsStore;
    return typeof named !== "string" || named === ""
      ? undefined
      : new CredentialHelper(named, this.environment);
  }

  /** Whether anything was written. */
  #change(server: string, change: (entry: StoredAuth) => StoredAuth): boolean {
    const config = readConfig(this.path);
    const before = config.auths?.[server];
    const after = change({ ...before });
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(after)) return false;
    writeConfig(this.path, { ...config, auths: { ...config.auths, [server]: after } });
    return true;
  }
}

/** The entry of this very key, or of a URL on the same host (`https://registry.example/v2/`). */
function findInFile({ auths = {} }: DockerConfig, server: string): AuthConfig {
  const exact = Object.hasOwn(auths, server) ? server : undefined;
  const key = exact ?? Object.keys(auths).find((url) => hostnameOf(url) === server);
  return key === undefined ? {} : authOf(auths[key] ?? {}, key);
}

function authOf(entry: StoredAuth, server: string): AuthConfig {
  const { auth, identitytoken, registrytoken } = entry;
  const { username, password } =
    typeof auth === "string" && auth !== ""
      ? decodeAuth(auth)
      : { username: entry.username, password: entry.password };
  const fields = { username, password, serveraddress: server, identitytoken, registrytoken };
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""),
  );
}

const encodeAuth = (username: string, password: string) =>
  Buffer.from(`${username}:${password}`).toString("base64");

function decodeAuth(auth: string): { username: string; password: string } {
  const [username, password, separated] = splitOnce(Buffer.from(auth, "base64").toString(), ":");
  if (!separated || username === "") throw new EngineError("invalid", "Invalid auth configuration file");
  return { username, password: password.replace(/^\0+|\0+$/g, "") };
}

/** `https://registry.example:5000/v2/` → `registry.example:5000`. */
export function hostnameOf(address: string): string {
  if (address.includes("://") && URL.canParse(address)) {
    const { hostname } = new URL(address);
    // The URL parser would leave out a port that is the scheme's own.
    const port = /^[^/]*:\/\/[^/]*?:(\d+)(?:\/|$)/.exec(address)?.[1];
    if (hostname !== "") return port === undefined ? hostname : `${hostname}:${port}`;
  }
  return splitOnce(address.replace(/^[a-z]+:\/\//, ""), "/")[0];
}
