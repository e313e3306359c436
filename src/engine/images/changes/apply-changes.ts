/** `--change` of docker import and commit: Dockerfile instructions that only touch an image's config. */
import { posix } from "node:path";
import type { ContainerConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { parseExposedPorts } from "./exposed-ports.ts";
import { parseHealthcheck } from "./healthcheck.ts";
import { parseJsonWords } from "./json-words.ts";
import { expandWord, splitWords, type Variables } from "./shell-words.ts";
import { checkSignal } from "./stop-signal.ts";

const MAX_CHANGES = 256;
const MAX_CHANGE_LENGTH = 64 << 10;
const SHELL = ["/bin/sh", "-c"];

const invalid = (message: string) => new EngineError("invalid", message);

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** What an instruction works on; `cmdSet` remembers a CMD of the same run, which ENTRYPOINT otherwise clears. */
interface State {
  readonly config: ContainerConfig;
  cmdSet: boolean;
}

/**
 * The config with the changes made, each one or more lines of instructions. Throws invalid in Docker's words:
 * `FROM is not a valid change command`, `ENV must have two arguments`.
 */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  if (changes.length > MAX_CHANGES || changes.some((change) => change.length > MAX_CHANGE_LENGTH)) {
    throw invalid(`more than ${MAX_CHANGES} changes, or one longer than ${MAX_CHANGE_LENGTH} characters`);
  }
  const state: State = { config: structuredClone(config), cmdSet: false };
  const instructions = changes.flatMap(parseLines);
  for (const { name } of instructions) {
    if (!Object.hasOwn(APPLY, name.toUpperCase())) throw invalid(`${name} is not a valid change command`);
  }
  for (const { name, rest } of instructions) {
    if (rest === "" && name.toUpperCase() !== "CMD" && name.toUpperCase() !== "ENTRYPOINT") {
      throw invalid(`${name.toUpperCase()} requires at least one argument`);
    }
    APPLY[name.toUpperCase() as keyof typeof APPLY](state, rest);
  }
  return state.config;
}

/** Joins lines that end in a backslash; leaves out comments and empty lines. */
function parseLines(change: string): Instruction[] {
  return change
    .replace(/\\[ \t]*\r?\n/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", rest = ""] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? [];
      return { name, rest };
    });
}

const APPLY = {
  CMD: (state: State, rest: string) => {
    state.config.Cmd = commandOf(rest);
    state.cmdSet = true;
  },
  ENTRYPOINT: (state: State, rest: string) => {
    state.config.Entrypoint = commandOf(rest);
    if (!state.cmdSet) delete state.config.Cmd;
  },
  ENV: ({ config }: State, rest: string) => {
    const pairs = parsePairs("ENV", rest, variablesOf(config));
    const env = (config.Env ?? []).filter((entry) => !pairs.has(entry.split("=", 1)[0] ?? ""));
    config.Env = [...env, ...[...pairs].map(([key, value]) => `${key}=${value}`)];
  },
  LABEL: ({ config }: State, rest: string) => {
    const labels = new Map(Object.entries(config.Labels ?? {}));
    for (const [key, value] of parsePairs("LABEL", rest, variablesOf(config))) labels.set(key, value);
    config.Labels = Object.fromEntries(labels);
  },
  EXPOSE: ({ config }: State, rest: string) => {
    const words = splitWords(rest).map((word) => expandWord(word, variablesOf(config)));
    const ports = words.flatMap(parseExposedPorts).map((port) => [port, {}]);
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports) };
  },
  VOLUME: ({ config }: State, rest: string) => {
    const words = parseJsonWords(rest) ?? splitWords(rest);
    const paths = words.map((word) => expandWord(word, variablesOf(config)).trim());
    if (paths.includes("")) throw invalid("VOLUME specified can not be an empty string");
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  },
  USER: ({ config }: State, rest: string) => {
    config.User = onlyWord("USER", rest, variablesOf(config));
  },
  WORKDIR: ({ config }: State, rest: string) => {
    const path = expandWord(rest, variablesOf(config));
    if (path === "") throw invalid("cannot normalize nothing");
    config.WorkingDir = posix.resolve("/", config.WorkingDir ?? "", path);
  },
  STOPSIGNAL: ({ config }: State, rest: string) => {
    config.StopSignal = checkSignal(onlyWord("STOPSIGNAL", rest, variablesOf(config)));
  },
  HEALTHCHECK: ({ config }: State, rest: string) => {
    config.Healthcheck = parseHealthcheck(rest);
  },
  ONBUILD: ({ config }: State, rest: string) => {
    const trigger = (rest.split(/\s/, 1)[0] ?? "").toUpperCase();
    if (trigger === "ONBUILD") throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === "FROM" || trigger === "MAINTAINER") {
      throw invalid(`${trigger} isn't allowed as an ONBUILD trigger`);
    }
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
} as const satisfies Record<string, (state: State, rest: string) => void>;

function commandOf(rest: string): string[] {
  if (rest === "") return [];
  return parseJsonWords(rest) ?? [...SHELL, rest];
}

function variablesOf(config: ContainerConfig): Variables {
  return new Map(
    (config.Env ?? []).map((entry) => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

function onlyWord(instruction: string, rest: string, variables: Variables): string {
  if (splitWords(rest).length !== 1) throw invalid(`${instruction} requires exactly one argument`);
  return expandWord(rest, variables);
}

/** `key=value key2="value 2"`, or the old `key the rest is the value`. Variables are those from before this line. */
function parsePairs(instruction: string, rest: string, variables: Variables): Map<string, string> {
  const words = splitWords(rest);
  const first = words[0] ?? "";
  if (!first.includes("=")) {
    const value = rest.slice(first.length).trim();
    if (value === "") throw invalid(`${instruction} must have two arguments`);
    return new Map([[expandWord(first, variables), expandWord(value, variables)]]);
  }
  return new Map(
    words.map((word) => {
      const equals = word.indexOf("=");
      if (equals < 0) {
        throw invalid(`Syntax error - can't find = in "${word}". Must be of the form: name=value`);
      }
      const key = expandWord(word.slice(0, equals), variables);
      if (key === "") throw invalid(`${instruction} names can not be blank`);
      return [key, expandWord(word.slice(equals + 1), variables)];
    }),
  );
}
