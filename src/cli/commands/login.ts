/** `login` and `logout`. */
import type { AuthConfig } from "../../api/registry-views.ts";
import { EngineError, fromUnknown } from "../../base/errors.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CredentialStore, hostnameOf } from "../credentials/credential-store.ts";
import { DOCKER_HUB } from "../credentials/registry-auth.ts";
import { CliFailure, failureText } from "../failure.ts";
import { text, toggle } from "../flags.ts";
import { Prompt } from "../prompt.ts";
import { noteText } from "../render/note.ts";

export const login = defineCommand({
  arguments: "[OPTIONS] [SERVER]",
  flags: {
    password: text("Password or access token", { short: "p" }),
    "password-stdin": toggle("Read the password from standard input"),
    username: text("User name", { short: "u" }),
  },
  positionals: [0, 1],
  async run(context, flags, [server = ""]) {
    const { password, username } = flags;
    const fromInput = flags["password-stdin"] === true;
    checkFlags(username, password, flags["password-stdin"]);
    if (password !== undefined) {
      await context.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    }
    const given: Given = {
      username: username ?? "",
      password: fromInput ? await passwordFrom(context) : (password ?? ""),
    };
    const serveraddress = server === "" || server === "docker.io" ? DOCKER_HUB : hostnameOf(server);
    const status = await logIn(context, serveraddress, given);
    if (status !== "") await context.out(`${status}\n`);
    return 0;
  },
});

interface Given {
  readonly username: string;
  readonly password: string;
}

function checkFlags(
  username: string | undefined,
  password: string | undefined,
  fromInput: boolean | undefined,
): void {
  if (fromInput !== undefined) {
    if (password !== undefined) {
      throw new CliFailure("conflicting options: cannot specify both --password and --password-stdin");
    }
    if (username === undefined) {
      throw new CliFailure("the --password-stdin option requires --username to be set");
    }
  }
  if (username === "") throw new CliFailure("username is empty");
  if (password === "") throw new CliFailure("password is empty");
}

async function passwordFrom(context: CliContext): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of context.terminal.input()) chunks.push(chunk);
  return Buffer.concat(chunks).toString().replace(/\n$/, "").replace(/\r$/, "");
}

/** With what is stored, when nothing was given; then with what the person types. Gives the daemon's word. */
async function logIn(context: CliContext, serveraddress: string, given: Given): Promise<string> {
  const store = new CredentialStore(context.environment);
  const none = given.username === "" && given.password === "";
  const { identitytoken: _, ...stored } = none
    ? await store.get(serveraddress).catch(() => ({}) as AuthConfig)
    : {};
  if (stored.username !== undefined && stored.password !== undefined) {
    const status = await logInAgain(context, store, { ...stored, serveraddress });
    if (status !== undefined) return status;
  }
  if ((given.username === "" || given.password === "") && !context.terminal.isTerminal("stdin")) {
    throw new CliFailure("Error: Cannot perform an interactive login from a non TTY device");
  }
  const credentials = await complete(context, given, stored.username ?? "");
  return await prove(context, store, { ...credentials, serveraddress });
}

type Credentials = AuthConfig & { readonly serveraddress: string };

/** undefined when the stored credentials are no good any more. */
async function logInAgain(
  context: CliContext,
  store: CredentialStore,
  stored: Credentials,
): Promise<string | undefined> {
  await context.err(`Authenticating with existing credentials... [Username: ${stored.username}]\n`);
  const hint = "To login with a different account, run 'berth logout' followed by 'berth login'";
  await context.err(`${noteText(hint, context.terminal.isTerminal("stderr"))}\n\n`);
  try {
    return await prove(context, store, stored);
  } catch (error) {
    const failure = fromUnknown(error);
    const expired = failure.kind === "unauthenticated";
    await context.err(
      expired
        ? "Stored credentials invalid or expired\n"
        : `Login did not succeed, error: ${failureText(failure)}\n`,
    );
    return undefined;
  }
}

async function complete(context: CliContext, given: Given, known: string): Promise<Given> {
  const prompt = new Prompt(context);
  let username = given.username.trim();
  if (username === "") {
    username = (await prompt.ask(known === "" ? "Username: " : `Username (${known}): `)) || known;
    if (username === "") throw new CliFailure("Error: Non-null Username Required");
  }
  let password = given.password.trim();
  if (password === "") {
    password = (await prompt.askSecretly("Password: ")) ?? "";
    if (password === "") throw new CliFailure("Error: Password Required");
  }
  return { username, password };
}

/** The daemon asks the registry; what it accepts is stored. */
async function prove(context: CliContext, store: CredentialStore, credentials: Credentials): Promise<string> {
  const { Status, IdentityToken } = await context.client.authenticate(credentials);
  const { password, ...others } = credentials;
  const kept = IdentityToken ? { ...others, identitytoken: IdentityToken } : credentials;
  const { inClear } = await store.store(kept).catch((error) => {
    throw new EngineError("internal", `Error saving credentials: ${fromUnknown(error).message}`);
  });
  if (inClear) {
    await context.err(
      `\nWARNING! Your credentials are stored unencrypted in '${store.path}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
    );
  }
  return Status;
}

export const logout = defineCommand({
  arguments: "[SERVER]",
  flags: {},
  positionals: [0, 1],
  async run(context, _, [server = ""]) {
    const store = new CredentialStore(context.environment);
    const hostname = server === "" ? DOCKER_HUB : hostnameOf(server);
    // Older clients have stored a registry under any of these.
    const keys =
      server === "" ? [DOCKER_HUB] : [server, hostname, `http://${hostname}`, `https://${hostname}`];
    await context.out(`Removing login credentials for ${hostname}\n`);
    const failures: string[] = [];
    for (const key of keys) {
      await store.erase(key).catch((error) => {
        failures.push(`${key}: ${fromUnknown(error).message}\n`);
      });
    }
    if (failures.length === keys.length) {
      await context.err(`WARNING: could not erase credentials:\n${failures.join("")}`);
    }
    return 0;
  },
});
