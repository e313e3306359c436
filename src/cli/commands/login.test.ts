import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScripted, type Script } from "../testing/scripted-cli.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-config-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const accepts = { "POST /auth": { json: { Status: "Login Succeeded", IdentityToken: "" } } };
const refuses = { "POST /auth": { status: 401, message: "unauthorized" } };
const run = (argv: readonly string[], script: Script = {}) =>
  runScripted(argv, { answers: accepts, ...script, environment: { DOCKER_CONFIG: directory } });
const stored = () => JSON.parse(readFileSync(join(directory, "config.json"), "utf8")).auths;
const sent = (body: unknown) => JSON.parse(String(body));

test("the password from standard input, kept under the registry's host", async () => {
  const { code, err, out, requests } = await run(
    ["login", "-u", "me", "--password-stdin", "https://r.example:5000/v2/"],
    { input: "pass word\r\n" },
  );
  expect({ code, out }).toEqual({ code: 0, out: "Login Succeeded\n" });
  expect(err).toContain(`WARNING! Your credentials are stored unencrypted in '${directory}/config.json'.`);
  const credentials = { username: "me", password: "pass word", serveraddress: "r.example:5000" };
  expect(sent(requests[0]?.body)).toEqual(credentials);
  expect(stored()).toEqual({ "r.example:5000": { auth: Buffer.from("me:pass word").toString("base64") } });
});

test("what is asked on a terminal", async () => {
  const { code, out, requests } = await run(["login"], { input: "me\nsecret\n", terminals: ["stdin"] });
  expect({ code, out }).toEqual({ code: 0, out: "Username: Password: \nLogin Succeeded\n" });
  expect(sent(requests[0]?.body)).toMatchObject({
    username: "me",
    serveraddress: "https://index.docker.io/v1/",
  });
});

test("an identity token takes the password's place", async () => {
  const answers = { "POST /auth": { json: { Status: "Login Succeeded", IdentityToken: "token" } } };
  const { err } = await run(["login", "-u", "me", "--password-stdin", "r"], { answers, input: "p" });
  expect(err).toBe("");
  expect(stored()).toEqual({ r: { auth: Buffer.from("me:").toString("base64"), identitytoken: "token" } });
});

test("what is stored is tried first, and asked again when it is no good", async () => {
  writeFileSync(join(directory, "config.json"), '{"auths":{"r":{"auth":"bWU6cGFzcw=="}}}');
  expect((await run(["login", "r"])).out).toBe("Login Succeeded\n");
  const refused = await run(["login", "r"], { answers: refuses, input: "\nother\n", terminals: ["stdin"] });
  expect(refused.code).toBe(1);
  expect(refused.out).toBe("Username (me): Password: \n");
  expect(refused.err).toEndWith(
    "Stored credentials invalid or expired\nError response from daemon: unauthorized\n",
  );
  expect(refused.requests.map(({ body }) => sent(body).password)).toEqual(["pass", "other"]);
});

test.each([
  [["--password-stdin"], "the --password-stdin option requires --username to be set\n"],
  [
    ["-p", "x", "--password-stdin"],
    "conflicting options: cannot specify both --password and --password-stdin\n",
  ],
  [["-u", ""], "username is empty\n"],
  [["-u", "x"], "Error: Cannot perform an interactive login from a non TTY device\n"],
])("login %j is refused", async (argv, err) => {
  expect(await run(["login", ...argv])).toMatchObject({ code: 1, err, requests: [] });
});

test("logout forgets every spelling", async () => {
  const auths = { r: {}, "https://r": {}, "https://index.docker.io/v1/": {}, other: {} };
  writeFileSync(join(directory, "config.json"), JSON.stringify({ auths }));
  expect((await run(["logout", "r"])).out).toBe("Removing login credentials for r\n");
  expect(Object.keys(stored())).toEqual(["https://index.docker.io/v1/", "other"]);
  await run(["logout"]);
  expect(Object.keys(stored())).toEqual(["other"]);
});
