import { describe, expect, test } from "bun:test";
import { EngineError } from "../../base/errors.ts";
import { LaunchError } from "../../kernel/shim-session.ts";
import { describeStartFailure } from "./start-failure.ts";

const PREFIX =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

describe("the launch's failures, as Docker tells of them", () => {
  test.each<[string, [string, string, string, string], string, number, string]>([
    [
      "no such program",
      ["EXEC", "lookup", "ENOENT", "foo"],
      'error during container init: exec: "foo": executable file not found in $PATH: unknown',
      127,
      "invalid",
    ],
    [
      "no such file",
      ["EXEC", "lookup", "ENOENT", "/foo"],
      'error during container init: exec: "/foo": stat /foo: no such file or directory: unknown',
      127,
      "invalid",
    ],
    [
      "not executable",
      ["EXEC", "lookup", "EACCES", "/etc/passwd"],
      'error during container init: exec: "/etc/passwd": permission denied: unknown',
      126,
      "invalid",
    ],
    [
      "a directory",
      ["EXEC", "lookup", "EISDIR", "/etc"],
      'error during container init: exec: "/etc": is a directory: unknown: permission denied',
      126,
      "invalid",
    ],
    [
      "another machine's",
      ["EXEC", "exec", "ENOEXEC", "/foo"],
      "exec /foo: exec format error: unknown",
      128,
      "internal",
    ],
    [
      "anything else",
      ["MOUNT_IN", "fsmount", "EPERM", "/proc"],
      "error during container init: mount in: fsmount /proc: operation not permitted: unknown",
      128,
      "internal",
    ],
  ])("%s", (_case, [operation, step, errno, path], message, exitCode, kind) => {
    const failure = describeStartFailure(new LaunchError(operation, step, errno, path), path, "eve");
    expect(failure).toMatchObject({ exitCode, error: { kind, message: PREFIX + message } });
  });

  test("a file over a directory", () => {
    const failure = describeStartFailure(
      new LaunchError("BIND_IN", "open_tree", "ENOTDIR", "/x"),
      "sh",
      "eve",
    );
    expect(failure.exitCode).toBe(127);
    expect(failure.error.message).toContain(
      "Are you trying to mount a directory onto a file (or vice-versa)?",
    );
  });

  test("names that the container's own files do not have, without the preamble", () => {
    const sentence = "unable to find user eve: no matching entries in passwd file";
    const failure = describeStartFailure(new LaunchError("USER", sentence, "ENOENT", ""), "sh", "eve");
    expect(failure).toMatchObject({ exitCode: 128, error: { kind: "internal", message: sentence } });
  });

  test("a missing interpreter is not a missing program", () => {
    const failure = describeStartFailure(new LaunchError("EXEC", "exec", "ENOENT", "/run.sh"), "/run.sh", "");
    expect(failure).toMatchObject({
      exitCode: 127,
      error: { message: `${PREFIX}exec /run.sh: no such file or directory: unknown` },
    });
  });

  test("what is no launch keeps its kind", () => {
    const failure = describeStartFailure(new EngineError("conflict", "taken"), "sh", "eve");
    expect(failure).toMatchObject({ exitCode: 128, error: { kind: "conflict", message: "taken" } });
  });
});
