/** Why a container did not start, in the words that Docker's command line looks for to choose its exit code. */
import { EngineError, fromUnknown } from "../../base/errors.ts";
import { LaunchError } from "../../kernel/shim-session.ts";

export interface StartFailure {
  readonly error: EngineError;
  /** Docker's: 126 cannot be executed, 127 not found, 128 anything else. */
  readonly exitCode: number;
}

const CREATE_FAILED =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

/** strerror(3), as Go spells it. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  E2BIG: "argument list too long",
  EACCES: "permission denied",
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  EFBIG: "file too large",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  EISDIR: "is a directory",
  ELOOP: "too many levels of symbolic links",
  EMFILE: "too many open files",
  ENAMETOOLONG: "file name too long",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOEXEC: "exec format error",
  ENOMEM: "cannot allocate memory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
  ENXIO: "no such device or address",
  EPERM: "operation not permitted",
  EROFS: "read-only file system",
  ETXTBSY: "text file busy",
  EXDEV: "invalid cross-device link",
};

/** `program` is the first word of what was to be executed, `user` what was asked for with --user. */
export function describeStartFailure(error: unknown, program: string, user: string): StartFailure {
  if (!(error instanceof LaunchError)) {
    const known = fromUnknown(error);
    return { error: known, exitCode: 128 };
  }
  // Docker looks users up before it launches, so these come without the runtime's preamble: the step is the sentence.
  if (error.operation === "USER" && ["ENOENT", "ERANGE"].includes(error.errno)) {
    return {
      error: new EngineError("internal", error.step, { cause: error, details: error.details }),
      exitCode: 128,
    };
  }
  return classify(`${CREATE_FAILED}${launchText(error, program, user)}: unknown`, error);
}

function launchText(error: LaunchError, program: string, user: string): string {
  const reason = ERRNO_TEXT[error.errno] ?? error.errno;
  switch (error.operation) {
    case "EXEC":
      return execText(error, program, reason);
    case "USER":
      return `error during container init: looking up the user ${quote(user)}: ${error.step} ${error.path}: ${reason}`;
    case "WORKDIR":
      return error.step === "chdir"
        ? `error during container init: chdir to cwd (${quote(error.path)}) set in config.json failed: ${reason}`
        : `error during container init: mkdir ${error.path}: ${reason}`;
    case "BIND_IN":
      return `error during container init: error mounting ${quote(error.path)} to rootfs: ${error.step} ${error.path}: ${reason}`;
    default:
      return `error during container init: ${describeStep(error)}: ${reason}`;
  }
}

/** Either the program was not found, or the kernel refused to execute what was (its interpreter is missing, say). */
function execText(error: LaunchError, program: string, reason: string): string {
  if (error.step === "exec") return `exec ${program}: ${reason}`;
  if (error.errno !== "ENOENT") return `error during container init: exec: ${quote(program)}: ${reason}`;
  const found = program.includes("/") ? `stat ${program}: ${reason}` : "executable file not found in $PATH";
  return `error during container init: exec: ${quote(program)}: ${found}`;
}

function describeStep(error: LaunchError): string {
  const path = error.path === "" ? "" : ` ${error.path}`;
  return `${error.operation.toLowerCase().replaceAll("_", " ")}: ${error.step}${path}`;
}

/** moby daemon/errors.go, setExitCodeFromError: it decides by the text, and so do the tools that read it. */
function classify(text: string, cause: LaunchError): StartFailure {
  const has = (words: string) => text.toLowerCase().includes(words);
  const failed = (exitCode: number, message: string) => ({
    error: new EngineError(exitCode === 128 ? "internal" : "invalid", message, {
      cause,
      details: cause.details,
    }),
    exitCode,
  });
  if (has("permission denied")) return failed(126, text);
  // The command line knows only this other sentence.
  if (has("is a directory")) return failed(126, `${text}: permission denied`);
  if (has("not a directory")) {
    return failed(
      127,
      `${text}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
    );
  }
  if (has("executable file not found") || has("no such file or directory")) return failed(127, text);
  return failed(128, text);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
